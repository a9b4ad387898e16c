"""Training encoder and decoder."""
