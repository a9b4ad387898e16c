"""OSC as DAWs speak it: codec, dialects, the source."""
