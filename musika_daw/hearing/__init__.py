"""What can be heard in a recording: onsets, pulse, key, loudness, bars, faults."""
