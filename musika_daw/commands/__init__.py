"""The command line of `musika-daw`."""
