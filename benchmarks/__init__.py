"""Measurements of speed and quality; nothing here is asserted in tests."""
