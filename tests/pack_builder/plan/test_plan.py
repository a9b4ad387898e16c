"""The plan: which jobs, in which order, with seeds that depend on the job alone."""

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pack_builder.plan.jobs import Job, density_class, derived_seed, file_of, plan, spread
from pack_builder.plan.music import Extension
from pack_builder.plan.options import BuildOptions
from pack_builder.plan.recipe import recipe_of
from pack_builder.render.draw import controls_of
from tests.pack_builder.pack_stand_in import SOURCE


def test_jobs_are_ordered_by_kind_tempo_and_number() -> None:
    jobs = plan(BuildOptions.parse(bpm="120,128.5", takes="1"))
    assert [job.key for job in jobs] == [
        "techno/loop/120/0",
        "techno/loop/120/1",
        "techno/loop/257/2/0",
        "techno/loop/257/2/1",
        "piano/take/0",
    ]


def test_words_and_seeds_of_a_pack_differ() -> None:
    jobs = plan(BuildOptions.parse(loops_per_bpm="60"))
    for values in (
        [job.word for job in jobs],
        [job.key for job in jobs],
        [job.style_seed for job in jobs],
        [job.seed(attempt) for job in jobs for attempt in range(3)],
    ):
        assert len(set(values)) == len(values)


def test_a_job_keeps_its_seed_in_any_pack_and_for_any_number_of_workers() -> None:
    small = plan(BuildOptions.parse(bpm="130", jobs="1"))
    large = {job.key: job for job in plan(BuildOptions.parse(bpm="60-200", loops_per_bpm="7", jobs="9"))}
    loops = [job for job in small if job.kind == "techno"]
    assert [(job.seed(), job.style_seed) for job in loops] == [
        (large[job.key].seed(), large[job.key].style_seed) for job in loops
    ]


def test_another_seed_gives_other_seeds() -> None:
    one, two = (plan(BuildOptions.parse(seed=seed)) for seed in ("7", "8"))
    assert not {job.seed() for job in one} & {job.seed() for job in two}


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.text())
def test_seeds_are_exact_in_json(seed: int, key: str) -> None:
    value = derived_seed(seed, key)
    assert 0 <= value < 2**53
    assert value == derived_seed(seed, key)


def test_seeds_stay_what_they_are() -> None:
    """A changed derivation would silently change every pack that can be rendered again."""
    assert derived_seed(7, "techno/loop/120/0/0") == 1067143562931561


def test_densities_spread_over_the_takes() -> None:
    jobs = plan(BuildOptions.parse(kinds=("piano",)))
    assert [job.density for job in jobs] == [Fraction(n, 10) for n in range(1, 10)]
    assert spread(Fraction(0), Fraction(1), 1) == [Fraction(1, 2)]
    assert [job.density for job in plan(BuildOptions.parse(kinds=("piano",), density="none"))] == [None] * 9


@settings(deadline=None)
@given(st.fractions(60, 200, max_denominator=100), st.sampled_from([1, 2, 4, 8, 16]))
def test_lengths_are_exact_before_they_are_rounded_once(bpm: Fraction, bars: int) -> None:
    job = plan(BuildOptions.parse(bpm=f"{float(bpm):.6f}", bars=str(bars)))[0]
    assert job.bpm is not None
    assert job.frames_exact(44100) * job.bpm == bars * 240 * 44100


@pytest.mark.parametrize(
    ("density", "name"),
    [(0, "sparse"), (0.33, "sparse"), (0.34, "medium"), (0.67, "dense"), (1, "dense"), (2, "dense"), (-1, "sparse")],
)
def test_density_classes(density: float, name: str) -> None:
    assert density_class(density) == name


def test_files_are_filed_by_tempo_and_density(small: Callable[..., BuildOptions]) -> None:
    options = small()
    jobs = plan(options)
    assert file_of(jobs[1], options).startswith("Loops/Techno_Loops/128p5bpm/MSK_First_128p5bpm_techno_loop_")
    assert file_of(jobs[2], options, 0.9).startswith("Loops/Piano_Takes/dense/MSK_First_piano_take_dense_")


def test_a_style_that_failed_is_given_up_unless_others_share_it() -> None:
    job = Job("techno/loop/120/0", "techno", "loop", "word", 7, 99)
    styles = [job.style(attempt) for attempt in range(7)]
    assert styles[0] == 99
    assert len(set(styles)) == 7
    shared = Job("techno/kit/a/0", "techno", "loop", "word", 7, 99, kit="a")
    assert {shared.style(attempt) for attempt in range(7)} == {99}


def test_an_asked_key_reaches_every_job(small: Callable[..., BuildOptions]) -> None:
    jobs = plan(small(kits="1", one_shots="1", asked_key="D#m"))
    assert {job.written_in for job in jobs} == {"Ebmin"}
    assert {controls_of(SOURCE, job, 0).key for job in jobs} == {"Ebmin"}


def test_asked_chords_reach_every_job(small: Callable[..., BuildOptions]) -> None:
    assert {job.chords for job in plan(small(kits="1", one_shots="1", chords="Am F"))} == {"Am | F"}
    assert {job.chords for job in plan(small())} == {None}


def test_voices_reach_every_job_of_techno(small: Callable[..., BuildOptions]) -> None:
    jobs = list(plan(small(kits="1", one_shots="1", voices="bass=7, kick=12")))
    assert {(job.kind, job.voices) for job in jobs} == {("techno", "bass=7,kick=12"), ("piano", None)}
    assert {controls_of(SOURCE, job, 0).voices for job in jobs} == {(), (("bass", 7), ("kick", 12))}


def test_each_style_has_loops_of_its_own_at_each_tempo(small: Callable[..., BuildOptions]) -> None:
    options = small(styles="dub, acid", loops_per_bpm="2", kits="1", one_shots="2")
    jobs = plan(options)
    loops = [job for job in jobs if job.shape == "loop" and job.kit is None]
    assert [job.key for job in loops[:4]] == [f"techno/loop/dub/{bpm}/{n}" for bpm in ("120", "257/2") for n in (0, 1)]
    assert [(job.start, len([1 for other in loops if other.start == job.start])) for job in loops[::4]] == [
        ("dub", 4),
        ("acid", 4),
    ]
    assert {job.start for job in jobs if job.kit} == {"dub"}
    assert [job.start for job in jobs if job.shape == "shot" and job.role == "kick" and not job.kit] == ["dub", "acid"]
    assert {job.start for job in jobs if job.kind == "piano"} == {None}
    assert {controls_of(SOURCE, job, 0).style for job in jobs} == {"dub", "acid", None}
    path = file_of(loops[-1], options, key="Amin")
    assert path.startswith("Loops/Techno_Loops/Acid/128p5bpm/MSK_First_128p5bpm_techno_acid_loop_")


def test_styles_have_tempi_of_their_own_where_none_are_asked(small: Callable[..., BuildOptions]) -> None:
    options = small(styles="dub,hardcore", bpm=None, kinds=("techno",))
    assert options.music.bpm == (120, 124, 165, 172)
    assert [(job.start, job.bpm) for job in plan(options)] == [
        ("dub", 120),
        ("dub", 124),
        ("hardcore", 165),
        ("hardcore", 172),
    ]
    more = list(plan(options.changed(extensions=(Extension(5, 0),))))[4:]
    assert [job.key for job in more] == [
        "techno/loop/dub/120/1",
        "techno/loop/dub/124/1",
        "techno/loop/hardcore/165/1",
        "techno/loop/hardcore/172/1",
        "techno/loop/dub/120/2",
    ]


def test_a_pack_without_styles_has_the_recipe_of_before(small: Callable[..., BuildOptions]) -> None:
    assert "styles" not in recipe_of(small())
    assert small(bpm=None).music.bpm == tuple(range(120, 161, 5))


def test_the_asked_key_reaches_takes_and_nothing_else(small: Callable[..., BuildOptions]) -> None:
    jobs = plan(small(kits="1", one_shots="1", take_key="Bbm"))
    assert {job.written_in for job in jobs if job.shape == "take"} == {"Bbmin"}
    assert {job.written_in for job in jobs if job.shape != "take"} == {None}
    assert {controls_of(SOURCE, job, 0).key for job in jobs} == {"Bbmin", None}
