"""Sound files: chunks, labels, formats, peaks."""
