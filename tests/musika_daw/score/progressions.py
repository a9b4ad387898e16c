"""Chords and progressions as anyone may type them, for property tests."""

from hypothesis import strategies as st

from musika_daw.score import chords

ROOTS = st.tuples(st.sampled_from("ABCDEFG"), st.sampled_from(["", "#", "b", "♯", "♭"])).map("".join)
NAMES = st.builds(
    lambda root, quality, bass: f"{root}{quality}" + (f"/{bass}" if bass else ""),
    ROOTS,
    st.sampled_from(sorted(chords._TONES)),
    st.none() | ROOTS,
)
PROGRESSIONS = st.lists(NAMES, min_size=1, max_size=12)
