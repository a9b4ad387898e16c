"""What a score is asked to be written in, as rows of the panel."""
