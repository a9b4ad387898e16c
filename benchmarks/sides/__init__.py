"""What `benchmarks.against` holds against each other."""
