"""The live host in a JACK server, measured: who listens, who leads, the hosts themselves, and what became of it."""
