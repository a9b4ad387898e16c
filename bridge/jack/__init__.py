"""JACK: its transport as a source, its MIDI ports, clock in and out."""
