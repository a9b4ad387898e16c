"""The panel's connection to its host."""
