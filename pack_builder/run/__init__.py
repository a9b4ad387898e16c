"""Building a pack: here, in worker processes, on a cluster."""
