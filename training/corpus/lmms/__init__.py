"""The LMMS corpus: songs of the free workstation LMMS, rendered at tempi that are exact by construction."""

from training.corpus.lmms.build import build_lmms
from training.corpus.lmms.project import Project, find_projects

__all__ = ["Project", "build_lmms", "find_projects"]
