"""Harmony that follows what a musician plays: chords of held keys, and chords that change on the way."""
