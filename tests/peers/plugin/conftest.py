"""The plugin in real hosts: what the tests of the plugin share, beside a JACK server of each test's own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "plugin"))  # the renderer's process imports the stand-in by name

from plugin_fixtures import built, folder, host

__all__ = ["built", "folder", "host"]
