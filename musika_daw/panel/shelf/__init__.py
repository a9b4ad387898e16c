"""The shelf of sounds: folders, tiles, marks, what can be undone."""
