"""Rendering before it is needed, in a process of its own."""
