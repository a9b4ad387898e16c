"""Latents of a corpus, and how much each is heard."""
