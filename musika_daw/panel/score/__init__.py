"""What a score is asked to be written in and which parts of it sound, as rows of the panel."""
