"""Corpora, labels, trainers and evaluation for the models of musika-daw (`musika-train`)."""
