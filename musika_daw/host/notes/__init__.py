"""Notes of what plays, sent as MIDI."""
