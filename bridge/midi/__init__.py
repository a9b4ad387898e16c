"""MIDI in and out: ports, clock, timecode."""
