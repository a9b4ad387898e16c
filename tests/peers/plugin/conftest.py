"""The plugin in real hosts: what the tests of the plugin share, beside a JACK server of each test's own."""

from tests.plugin.plugin_fixtures import built, folder, host

__all__ = ["built", "folder", "host"]
