"""The quality gate: what is beyond the limits is drawn again, then given up, and every attempt is on record."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from musika_daw.hearing.limits import SOUND, STEP_LIMIT
from pack_builder.plan.jobs import plan
from pack_builder.plan.options import BuildOptions
from pack_builder.record.manifest import read_manifest
from pack_builder.render.attempts import first_good
from pack_builder.render.judge import judge
from pack_builder.run.build import BuildError, build
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import Ran, Silent, audio_bytes
from tests.pack_builder.pack_stand_in import SOURCE

Small = Callable[..., BuildOptions]
Run = Callable[..., Ran]
LOOPS = {"bpm": "120-130", "bpm_step": "2", "kinds": ("techno",)}


def test_a_bad_attempt_is_replaced_and_both_are_on_record(small: Small) -> None:
    options = small(**LOOPS, models=("techno:click",))
    build(options, Silent(), SOURCE)
    rows = read_manifest(options.place.out).rows
    assert {row.quality.attempts for row in rows} > {1}
    jobs = {job.key: job for job in plan(options)}
    for row in rows:
        assert row.quality.inside_limits
        assert row.quality.broken == []
        assert row.quality.seam_step is not None
        assert row.quality.seam_step < STEP_LIMIT
        assert row.source.seed % 2 == 0  # the stand-in clicks with odd seeds
        assert [entry["seed"] for entry in row.quality.tried] == [
            jobs[row.job].seed(n) for n in range(row.quality.attempts)
        ]
        assert all(entry["broken"] and entry["seam_step"] > STEP_LIMIT for entry in row.quality.tried[:-1])
        assert row.quality.tried[-1]["broken"] == {}
        assert row.source.seed == row.quality.tried[-1]["seed"]


@pytest.mark.parametrize("attempts", [1, 3])
def test_what_never_keeps_to_the_limits_is_given_up(small: Small, attempts: int) -> None:
    options = small(models=("techno:silent",), attempts=str(attempts))
    observer = Silent()
    result = build(options, observer, SOURCE)
    manifest = read_manifest(options.place.out)
    assert result.gaps == len(manifest.gaps) == len(observer.gaps) == 2
    assert {row.music.kind for row in manifest.rows} == {"piano"}
    assert not list((options.place.out / "Loops" / "Techno_Loops").rglob("*")) if options.place.out.is_dir() else False
    for gap in manifest.gaps:
        assert len(gap.tried) == attempts
        assert gap.reasons == {"silence": attempts}
    assert "Not in this pack" in (options.place.out / "README.txt").read_text()
    assert not verify(options.place.out, deep=True).differences


def test_a_pack_of_nothing_is_no_pack(small: Small) -> None:
    with pytest.raises(BuildError, match=r"nothing kept to the limits in 2 attempts each \(silence\)"):
        build(small(kinds=("techno",), models=("techno:silent",), attempts="2"), Silent(), SOURCE)
    assert not (small().place.out / "manifest.json").exists()


def test_the_least_bad_is_kept_only_on_request_and_says_so(small: Small, tmp_path: Path) -> None:
    options = small(**LOOPS, models=("techno:clicks",), attempts="3", keep_best=True)
    build(options, Silent(), SOURCE)
    rows = read_manifest(options.place.out).rows
    assert rows
    for row in rows:
        assert not row.quality.inside_limits
        assert "seam step" in row.quality.broken
        assert "/outside_limits/" in row.file
        assert row.file.endswith("_outside.wav")
        least = min(sum(entry["broken"].values()) for entry in row.quality.tried)
        assert sum(
            next(e for e in row.quality.tried if e["seed"] == row.source.seed)["broken"].values()
        ) == pytest.approx(least)
    assert "outside_limits: " in (options.place.out / "README.txt").read_text()
    assert not verify(options.place.out, deep=True).differences
    with pytest.raises(BuildError, match="nothing kept to the limits"):
        build(small(**LOOPS, models=("techno:clicks",), attempts="2", out=str(tmp_path / "b")), Silent(), SOURCE)


def test_a_hit_that_is_in_no_loop_is_given_up_also_where_the_least_bad_is_kept(small: Small) -> None:
    [job] = [job for job in plan(small(kinds=("techno",), one_shots="1")) if job.role == "clap"][:1]
    nothing = judge(np.zeros((44_100, 2), np.float32), job, small().finish)
    assert (len(nothing.samples), list(nothing.over)) == (0, [SOUND])
    outcome = first_good(job, 2, True, lambda attempt: np.zeros((44_100, 2), np.float32), judge=lambda *_: nothing)
    assert outcome.chosen is None
    assert [entry["broken"] for entry in outcome.tried] == [{SOUND: 1.0}] * 2


def test_gaps_survive_a_stop_and_change_no_byte(small: Small, tmp_path: Path) -> None:
    values = {**LOOPS, "kinds": (), "models": ("techno:rare",), "attempts": "1"}
    whole = small(**values, out=str(tmp_path / "whole"))
    build(whole, Silent(), SOURCE)
    options = small(**values)
    with pytest.raises(KeyboardInterrupt):
        build(options, Silent(stop_after=2), SOURCE)
    again = Silent()
    build(small(**values, resume=True), again, SOURCE)
    assert audio_bytes(options.place.out) == audio_bytes(whole.place.out)
    assert read_manifest(options.place.out).gaps == read_manifest(whole.place.out).gaps
    assert 0 < len(again.gaps) + len(again.rows) < 8


def test_the_command_line_says_what_was_given_up(run: Run, tmp_path: Path) -> None:
    short = (
        "build",
        "--bars",
        "1",
        "--bpm",
        "120",
        "--takes",
        "1",
        "--take-seconds",
        "2",
        "--loops-per-bpm",
        "1",
        "--jobs",
        "1",
        "--attempts",
        "2",
        "--finish",
        "none",
        "--model",
        "techno:silent",
    )
    ran = run(*short, "--out", str(tmp_path / "one"))
    assert ran.code == 0
    assert "techno/loop/120/0: given up after 2 attempts (silence 2x), no file is written for it" in ran.out
    assert ran.err.startswith("warning: 1 of 2 files were given up")
    assert run(*short, "--out", str(tmp_path / "two"), "--strict").code == 3
    assert run(*short, "--out", str(tmp_path / "one"), "--strict").code == 3  # found finished: the same answer
