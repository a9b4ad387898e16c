"""Training corpora: one memory-mapped stereo recording with exact labels, made by several builders."""

from training.corpus.store import Corpus, CorpusWriter, Song, SongLabels, split_of

__all__ = ["Corpus", "CorpusWriter", "Song", "SongLabels", "split_of"]
