"""Where sound goes: a device, JACK, a file."""
