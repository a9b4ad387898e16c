"""Techno as it is composed: style, arrangement, patterns, harmony on a grid."""
