"""Measures of audio that evaluations share."""
