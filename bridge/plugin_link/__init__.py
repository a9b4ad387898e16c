"""The Python end of the plugin's socket."""
