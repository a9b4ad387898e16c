"""Files whole or absent, processes that end with their parent, where things lie on a system."""
