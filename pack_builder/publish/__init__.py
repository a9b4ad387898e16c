"""What a pack holds besides its audio."""
