"""What a score plays, as the panel shows and steers it."""
