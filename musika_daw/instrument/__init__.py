"""The engine, its weights and its networks."""
