"""The window and its controls."""
