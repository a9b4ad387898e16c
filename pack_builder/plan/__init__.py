"""What a pack shall hold: options, names, and the jobs that they come to."""
