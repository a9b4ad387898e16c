"""Rendering for the plugin: song map, feed, host, session."""
