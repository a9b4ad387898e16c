"""The parts of a loop in files of their own, finished as the loop is, so that they add up to it."""
