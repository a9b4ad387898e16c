"""What steers the host: keys, MIDI, OSC, the control socket."""
