"""Stems on a pack's page, in a browser."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pack_builder.plan.options import BuildOptions
from pack_builder.record.manifest import read_manifest
from pack_builder.run.build import build
from tests.pack_builder.pack_helpers import Silent
from tests.pack_builder.pack_stand_in import SOURCE
from tests.pack_builder.publish.test_page import told_by

Small = Callable[..., BuildOptions]
STEMS = """
<script>
(async () => {
  const told = { errors: [] };
  try {
    const { playing } = window.pack;
    const buttons = [...document.querySelectorAll(".stems button")], heard = [];
    told.parts = buttons.map(button => button.textContent);
    told.links = [...document.querySelectorAll(".stems a")].map(link => link.download);
    const until = async done => { while (!done()) await new Promise(next => setTimeout(next, 20)); };
    const roles = () => [...playing.keys()].map(file => file.role).sort();
    const press = async (button, count) => {
      button.click();
      await until(() => playing.size === count);
      heard.push(roles());
    };
    await press(buttons[0], 1);
    told.pressed = buttons[0].getAttribute("aria-pressed");
    buttons[1].click();
    await until(() => roles().includes("chords"));
    heard.push(roles());
    told.barsApart = [...playing.values()].map(item => item.when);
    document.querySelector("article .row button").click();
    await until(() => [...playing.keys()].some(file => !file.role));
    heard.push(roles());
    buttons[0].click();
    await until(() => roles().includes("drums"));
    heard.push(roles());
    await press(buttons[0], 0);
    told.heard = heard;
    buttons[0].click();
    buttons[1].click();
    await until(() => roles().includes("chords"));
    await new Promise(next => setTimeout(next, 300));
    told.atOnce = roles();
  } catch (error) { told.errors.push(String(error && error.stack || error)); }
  await fetch("{address}", { method: "POST", mode: "no-cors", body: JSON.stringify(told) });
})();
</script>
"""


@pytest.mark.peer
@pytest.mark.parametrize("http", [False, True])
def test_stems_are_had_and_heard_from_the_card_of_their_loop(small: Small, tmp_path: Path, http: bool) -> None:
    """Over http parts play together, on bars of one grid, and make way for their loop; from a disk one at a time."""
    options = small(models=("techno:parts",), kinds=("techno",), loops_per_bpm="1", bpm="120", stems=True)
    build(options, Silent(), SOURCE)
    [loop] = read_manifest(options.place.out).rows
    assert loop.stems is not None
    shutil.copytree(options.place.out, tmp_path / "page")
    text = (options.place.out / "index.html").read_text()
    told = told_by(text, tmp_path / "page", script=STEMS, http=http)
    assert told["errors"] == []
    assert told["parts"] == ["drums", "chords"]
    assert told["links"] == [Path(stem.file).name for stem in loop.stems.files]
    assert told["pressed"] == "true"
    together = ["chords", "drums"] if http else ["chords"]
    assert told["heard"] == [["drums"], together, [""], ["drums"], []]
    assert told["atOnce"] == together
    if http:
        bars = (told["barsApart"][1] - told["barsApart"][0]) / 2
        assert bars == pytest.approx(round(bars), abs=1e-6)
