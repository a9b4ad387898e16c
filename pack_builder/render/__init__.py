"""From a job to a finished, measured, labelled file."""
