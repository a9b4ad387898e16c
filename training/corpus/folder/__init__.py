"""Makes a corpus of a user's own music: any format, tempo and beats estimated, what is unusable named and skipped."""

from training.corpus.folder.build import FolderReport, build_folder

__all__ = ["FolderReport", "build_folder"]
