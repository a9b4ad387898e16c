"""What a pack holds: rows, manifest, journal."""
