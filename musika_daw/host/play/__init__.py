"""From rendered chunks to a block of sound at a place on the timeline."""
