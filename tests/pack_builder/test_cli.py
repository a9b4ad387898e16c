"""The command line: tables and lines out, one lower-case line and exit code 2 for what cannot be."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pack_builder.console import ProgressBar, Rate, clock, observer, table
from tests.pack_builder.pack_helpers import Ran

Run = Callable[..., Ran]
SHORT = (
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
    "--finish",
    "none",
    "--name",
    "First",
)


def test_build_verify_and_inspect(run: Run, tmp_path: Path) -> None:
    out = str(tmp_path / "pack")
    made = run("build", *SHORT, "--out", out)
    assert (made.code, made.err) == (0, "")
    assert "[2/2] MSK_First_piano_take_" in made.out
    assert re.search(r"real time, 0:00 left", made.out)
    assert "Techno_Loops/120bpm" in made.out
    assert "2 files, 0:04 of audio in" in made.out
    checked = run("verify", out)
    assert checked == Ran(0, f"{out}: 2 audio files are as the manifest says (hash, length, chunks, levels)\n", "")
    [loop] = Path(out, "Loops", "Techno_Loops").rglob("*.wav")
    seen = run("inspect", str(loop))
    assert seen.code == 0
    assert "loop, 120 bpm, 4 beats, 4/4" in seen.out
    assert "warning" not in seen.out
    assert "nothing to do" in run("build", *SHORT, "--out", out).out


def test_progress_for_programs_is_one_object_a_line(run: Run, tmp_path: Path) -> None:
    made = run("build", *SHORT, "--out", str(tmp_path / "pack"), "--progress", "json")
    assert made.code == 0
    events = [json.loads(line) for line in made.out.splitlines()]
    assert [event["event"] for event in events] == ["loading", "started", "finished", "finished", "done"]
    assert (events[1]["files"], events[1]["kept"]) == (2, 0)
    assert (tmp_path / "pack" / events[2]["file"]).is_file()
    assert events[-1] == {"event": "done", "out": str(tmp_path / "pack"), "files": 2, "gaps": 0}


def test_a_damaged_pack_ends_with_one(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "pack"
    run("build", *SHORT, "--out", str(out))
    for path in out.rglob("*.wav"):
        path.write_bytes(path.read_bytes()[:-3])
    (out / "Loops" / "mine.wav").touch()
    ran = run("verify", str(out))
    assert ran.code == 1
    assert ran.err.endswith("pack: 2 files differ from the manifest\n")
    assert "cut short" in ran.err
    assert "note: Loops/mine.wav is not in the manifest" in ran.out


BAD = [
    (["build", "--bpm", "59"], "--bpm: 59, must be within 60..200"),
    (["build", "--bpm", "160-120"], "--bpm: '160-120', must run from low to high, within 60..200"),
    (["build", "--bars", "0"], "--bars: 0, must be within 1..16"),
    (["build", "--density", "2"], "--density: 2, must be within 0..1"),
    (["build", "--kind", "violin"], "--kind: 'violin', must be one of techno, piano"),
    (["build", "--model", "drums"], "--model: 'drums', is neither one of techno, piano nor a folder or file"),
    (["build", "--loud"], "no such option"),
    (["build", "--bpm"], "option '--bpm' requires an argument"),
    (["biuld"], "no such command 'biuld'"),
    (["inspect", "nowhere.wav"], "nowhere.wav: no such file or directory"),
    (["inspect"], "missing argument 'file...'"),
    (["verify", "nowhere"], "nowhere: holds no manifest.json"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_input_is_one_lower_case_line_and_code_two(
    run: Run, arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run(*arguments)
    assert ran.code == 2
    assert ran.out in ("", "loading 2 models\n")
    assert message in ran.err.lower()
    assert re.fullmatch(r"error: [^A-Z\n][^\n]*\n", ran.err)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_wav_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"no")
    assert run("inspect", str(tmp_path / "a.wav")).err == f"error: {tmp_path / 'a.wav'}: not a RIFF/WAVE file\n"


def test_an_engine_that_fails_ends_with_one(run: Run, tmp_path: Path) -> None:
    ran = run("build", *SHORT, "--model", "techno:nan", "--out", str(tmp_path / "pack"))
    assert ran.code == 1
    assert ran.err == "error: model techno gave values that are not finite for techno/loop/120/0\n"


def test_help_has_examples_and_every_option(run: Run) -> None:
    text = run("build", "--help").out
    assert "musika-pack build --bpm 120-160 --out packs/first" in text
    for option in (
        "bpm",
        "bpm-step",
        "loops-per-bpm",
        "bars",
        "kind",
        "takes",
        "density",
        "take-seconds",
        "seed",
        "sample-rate",
        "label",
        "name",
        "naming",
        "model",
        "out",
        "jobs",
        "resume",
        "attempts",
        "keep-best",
        "strict",
        "density-curve",
        "take-bars",
        "take-bpm",
        "kits",
        "one-shots",
        "finish",
        "format",
        "cluster",
    ):
        assert f"--{option}" in text
    assert "inspect" in run().out
    assert run("--version").out.startswith("musika-pack ")


def test_a_file_that_cannot_be_read_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").mkdir()
    for command in (["verify", str(tmp_path)], ["build", "--from-manifest", str(tmp_path), "--out", "x"]):
        ran = run(*command)
        assert (ran.code, ran.out) == (2, "")
        assert re.fullmatch(r"error: [^\n]*is a directory\n", ran.err)


def test_the_public_names_can_be_imported() -> None:
    import pack_builder

    assert all(callable(getattr(pack_builder, name)) for name in pack_builder.__all__)
    with pytest.raises(AttributeError, match="no attribute 'x'"):
        _ = pack_builder.x


def test_help_needs_no_heavy_module() -> None:
    program = (
        "import sys; from pack_builder.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'numpy', 'scipy', 'rich', 'pyloudnorm') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("times", [1, 200])
def test_an_early_end_of_the_reader_is_quiet(run: Run, tmp_path: Path, times: int) -> None:
    run("build", *SHORT, "--out", str(tmp_path))
    files = [str(path) for path in tmp_path.rglob("*.wav")] * times
    command = [sys.executable, "-m", "pack_builder.cli", "inspect", *files]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=20) in (0, 1)
    process.stderr.close()


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65, "1:05"), (7205, "2:00:05"), (59.6, "1:00")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_the_time_left_follows_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 10.0, 10.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    rate = Rate(5)
    rate.done, rate.audio_s = 2, 100.0
    assert rate.left_s == 15
    assert rate.times_real_time == 10


def test_a_terminal_gets_a_bar_and_a_ruled_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.pack_builder.pack_helpers import ROW

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with observer() as bar:
        assert isinstance(bar, ProgressBar)
        bar.loading(2)
        bar.started(2, 1, 1)
        bar.finished(ROW)
        task = bar._bar.tasks[0]
        assert (task.completed, task.total) == (2, 2)
        assert "real time, 0:00 left" in task.fields["pace"]
    capsys.readouterr()
    table("title", ["a", "b"], [["x", "1"]])
    assert "│" in capsys.readouterr().out
