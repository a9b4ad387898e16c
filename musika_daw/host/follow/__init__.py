"""Keeping to a DAW: sources, followers, and why nothing comes."""
