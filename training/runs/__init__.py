"""What every trained stage shares: a run, its loop, its processes, its report."""
