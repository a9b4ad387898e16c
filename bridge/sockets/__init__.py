"""Sockets with limits, and the JSON protocol over UDP and TCP."""
