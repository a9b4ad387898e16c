"""Training the generator of latents."""
