"""Making a pack from the panel."""
