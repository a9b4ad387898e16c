"""The preview page, in a real browser, and its parts."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
import soundfile

from pack_builder.plan.options import BuildOptions
from pack_builder.publish.page import EMBEDDED_S
from pack_builder.record.manifest import read_manifest
from pack_builder.run.build import build
from tests.pack_builder.pack_helpers import Silent
from tests.pack_builder.pack_stand_in import SOURCE
from tests.programs import end, need

Small = Callable[..., BuildOptions]

# runs inside the page: what a person does with it, and what then is
SCRIPT = """
<script>
(async () => {
  const told = { errors: [] };
  addEventListener("error", event => told.errors.push(event.message));
  try {
    const { files, load, sourceOf, playing, play, stopAll } = window.pack;
    const by = id => document.getElementById(id);
    told.cards = document.querySelectorAll("article").length;
    told.count = by("count").textContent;
    told.names = [...document.querySelectorAll("h2")].map(title => [title.textContent, title.title]);
    const type = (id, value, name) => { by(id).value = value; by(id).dispatchEvent(new Event(name)); };
    const shown = () => [...document.querySelectorAll("article")].filter(card => !card.hidden).length;
    type("search", files[0].name.slice(-6), "input");
    told.searched = shown();
    type("search", "", "input");
    type("bpm", String(files[0].bpm), "change");
    told.byTempo = shown();
    type("bpm", "", "change");
    told.painted = [...document.querySelectorAll("canvas")].every(canvas => {
      const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      return new Set(pixels).size > 3;
    });
    const loop = files.find(file => file.loops);
    const offline = new OfflineAudioContext(1, 3 * loop.frames, loop.rate);
    const buffer = await load(loop, offline);
    told.decodedFrames = buffer.length;
    told.frames = loop.frames;
    sourceOf(loop, buffer, offline, loop.bpm).start(0);
    const heard = (await offline.startRendering()).getChannelData(0);
    let worst = 0, energy = 0;
    for (let index = 0; index < loop.frames; index++) {
      energy = Math.max(energy, Math.abs(heard[index]));
      for (const round of [1, 2]) worst = Math.max(worst, Math.abs(heard[index] - heard[index + round * loop.frames]));
    }
    told.loudest = energy;
    told.roundsDiffer = worst;
    told.first = Array.from(heard.slice(0, 4000));
    const rms = samples => Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
    const through = async count => {
      const mixer = new OfflineAudioContext(2, 2 * loop.frames, loop.rate);
      const into = count ? await window.pack.output(mixer) : mixer.destination;
      for (let index = 0; index < Math.max(1, count); index++) sourceOf(loop, buffer, mixer, loop.bpm, into).start(0);
      return (await mixer.startRendering()).getChannelData(0).slice(loop.frames);  // once the limiter has settled
    };
    by("volume").value = 100;
    const bare = await through(0), one_ = await through(1), eight = await through(8);
    told.singleDb = 20 * Math.log10(rms(one_) / rms(bare));
    told.layeredPeak = eight.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0);
    told.layeredDb = 20 * Math.log10(rms(eight) / rms(bare));
    by("volume").value = 50;
    by("volume").dispatchEvent(new Event("input"));
    told.halfDb = 20 * Math.log10(rms(await through(1)) / rms(one_));
    const both = files.filter(file => file.loops).slice(0, 2);
    await play(both[0], false);
    await play(both[1], true);
    told.playing = playing.size;
    const [one, two] = both.map(file => playing.get(file));
    const tempo = Number(by("tempo").value);
    told.barsApart = (two.when - one.when) / (240 / tempo);
    told.rates = both.map((file, index) => [one, two][index].rate * file.bpm / tempo);
    stopAll();
    told.stopped = playing.size;
    const silent = files.find(file => !file.sound);
    const layers = [...document.querySelectorAll(".row button:nth-child(2)")];
    told.notLayered = layers.map(button => button.disabled);
    await play(silent, false);
    const { element } = playing.get(silent);
    while (element.currentTime < 0.05) await new Promise(done => setTimeout(done, 20));
    told.fromDiskS = element.duration;
    stopAll();
    const carried = {};
    const event = new DragEvent("dragstart", { dataTransfer: new DataTransfer() });
    document.querySelector("h2").dispatchEvent(event);
    told.drag = event.dataTransfer.getData("DownloadURL");
    document.querySelector("article").focus();
    document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
    told.focused = [...document.querySelectorAll("article")].indexOf(document.activeElement);
    document.dispatchEvent(new KeyboardEvent("keydown", { key: "/", bubbles: true }));
    told.searching = document.activeElement.id;
    const press = key => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    const at = () => [...document.querySelectorAll("article")].indexOf(document.activeElement);
    told.walked = ["Enter", "ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"].map(key => { press(key); return at(); });
    press("Enter");
    while (!playing.size) await new Promise(done => setTimeout(done, 20));
    told.heard = [...playing.keys()][0].name;
    stopAll();
    told.nothingBefore = getComputedStyle(by("nothing")).display;
    type("search", "no such name", "input");
    told.nothing = [shown(), by("nothing").textContent.trim(), getComputedStyle(by("nothing")).display !== "none"];
    by("search").focus();
    press("Enter");
    told.stays = document.activeElement.id;
    by("clear").click();
    told.cleared = [shown(), by("search").value];
    const keyed = files[0].key;
    files[0].key = "A#min";
    const keyNames = ["A# min", "Bb", "B♭min", "A♯", "a# minor", "B♭ minor", "Db", "Bb major"];
    const found = text => { type("search", text, "input"); return shown(); };
    told.keys = keyNames.map(found);
    told.otherKeys = ["A minor", "B minor", "Am", "A#m", "bbm"].map(found);
    files[0].key = keyed;
    type("search", "", "input");
    const back = () => getComputedStyle(document.body).backgroundColor;
    const before = back();
    by("theme").click();
    told.themes = before !== back();
    told.wide = document.documentElement.scrollWidth <= innerWidth;
    told.requests = performance.getEntriesByType("resource").map(entry => entry.name);
  } catch (error) { told.errors.push(String(error && error.stack || error)); }
  await fetch("{address}", { method: "POST", mode: "no-cors", body: JSON.stringify(told) });
})();
</script>
"""


def told_by(text: str, tmp_path: Path, *options: str, script: str = SCRIPT, http: bool = False) -> dict:
    """What the page says of itself: it sends it to a port of this process when it is done, however long that takes.

    With `http` the page is had from there too, and not from the disk.
    """
    told: SimpleQueue[bytes] = SimpleQueue()

    class Listener(SimpleHTTPRequestHandler):
        def __init__(self, *values: Any) -> None:
            super().__init__(*values, directory=str(tmp_path))

        def do_POST(self) -> None:
            told.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = tmp_path / "index.html"
        address = f"http://127.0.0.1:{server.server_port}/"
        page.write_text(text.replace("</body>", script.replace("{address}", address) + "</body>"))
        command = [
            need("chromium"),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--mute-audio",
            "--autoplay-policy=no-user-gesture-required",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--no-first-run",
            "--disable-background-networking",
            *options,
            address if http else page.as_uri(),
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            found: dict = json.loads(told.get(timeout=120))
        finally:
            end(process)
            server.shutdown()
    return found


@pytest.mark.peer
@pytest.mark.parametrize("size", ["1280,900", "500,800"])
def test_the_page_works_in_a_browser(pack: Path, tmp_path: Path, size: str) -> None:
    text = (pack / "index.html").read_text()
    last = re.findall(r', "sound": "[^"]*"', text)[-1]  # as where a pack is too long for all of its sounds
    shutil.copytree(pack, tmp_path, dirs_exist_ok=True)
    told = told_by(text.replace(last, ""), tmp_path, f"--window-size={size}")
    assert told["errors"] == []
    rows = read_manifest(pack).rows
    assert told["cards"] == len(rows) == 3
    assert told["count"] == "3 of 3 files"
    stems = [Path(row.file).stem for row in rows]
    assert told["names"] == [[stem.removeprefix("MSK_First_"), stem] for stem in stems]
    assert told["searched"] == 1
    assert told["byTempo"] == 1
    assert told["painted"]
    assert told["decodedFrames"] >= told["frames"] == rows[0].sound.frames
    assert told["loudest"] > 0.1
    assert told["roundsDiffer"] < 1e-6  # gapless: every round is the first, to the sample
    real, _ = soundfile.read(pack / rows[0].file)
    heard = np.array(told["first"])
    shifts = range(-40, 41)
    alike = [float(np.dot(heard[100:3900], real[100 + shift : 3900 + shift].mean(axis=1))) for shift in shifts]
    assert shifts[int(np.argmax(alike))] == 0  # the coded sound begins on the very frame on which the file begins
    assert told["singleDb"] == pytest.approx(0, abs=0.1)  # alone a loop is as it is
    assert told["layeredPeak"] <= 1  # eight times the same would be 18 dB more
    assert told["layeredDb"] > 3
    assert told["halfDb"] == pytest.approx(-12.04, abs=0.1)
    assert told["playing"] == 2
    assert told["barsApart"] == pytest.approx(round(told["barsApart"]), abs=1e-6)
    assert told["rates"] == pytest.approx([1, 1])
    assert told["stopped"] == 0
    assert told["notLayered"] == [False, False, True]
    assert told["fromDiskS"] == pytest.approx(rows[2].seconds, abs=1e-3)
    assert told["drag"].startswith(f"audio/wav:{Path(rows[0].file).name}:file://")
    assert told["focused"] == 1
    assert told["searching"] == "search"
    assert told["walked"] == [0, 1, 0, -1, 0]  # from the search box to the cards, and back to the box
    assert told["heard"] == stems[0]
    assert told["nothingBefore"] == "none"
    assert told["nothing"] == [0, "Nothing matches. Show all files", True]
    assert told["stays"] == "search"
    assert told["cleared"] == [3, ""]
    assert told["keys"] == [1, 1, 1, 1, 1, 1, 0, 0]
    assert told["otherKeys"] == [0, 0, 0, 1, 1]
    assert told["themes"]
    assert told["wide"]
    told["requests"] = [name for name in told["requests"] if not name.startswith("blob:")]  # of the page itself
    assert told["requests"] in ([], [(tmp_path / rows[2].file).as_uri()])


LINKS = """
<script>
(async () => {
  const told = {}, links = [...document.querySelectorAll("article a")];
  told.links = links.map(link => [link.textContent, link.download]);
  told.dragged = links.map(link => {
    const event = new DragEvent("dragstart", { dataTransfer: new DataTransfer() });
    link.dispatchEvent(event);
    return event.dataTransfer.getData("DownloadURL");
  });
  await fetch("{address}", { method: "POST", mode: "no-cors", body: JSON.stringify(told) });
})();
</script>
"""


@pytest.mark.peer
def test_the_notes_of_a_file_are_had_from_its_card(small: Small, tmp_path: Path) -> None:
    options = small(models=("techno:score",), loops_per_bpm="1", bpm="120")
    build(options, Silent(), SOURCE)
    text = (options.place.out / "index.html").read_text()
    loop, *takes = read_manifest(options.place.out).rows
    assert loop.midi is not None
    told = told_by(text, tmp_path, script=LINKS)
    names = [Path(loop.file).name, Path(loop.midi.file).name, *(Path(take.file).name for take in takes)]
    assert told["links"] == [[name.rpartition(".")[2], name] for name in names]
    for name, dragged, kind in zip(names, told["dragged"], ("audio/wav", "audio/midi", "audio/wav"), strict=False):
        assert dragged.startswith(f"{kind}:{name}:file://")


HEARD = """
<script>
(async () => {
  const told = { errors: [], files: [] };
  try {
    const { files, load, play, playing, stopAll } = window.pack;
    for (const file of files) {
      const buffer = await load(file, new OfflineAudioContext(1, 100, file.rate));
      const peak = buffer.getChannelData(0).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      await play(file, false);
      const { element } = playing.get(file);
      told.files.push({ name: file.name, seconds: buffer.duration, peak, element: element ? element.src : null });
      stopAll();
    }
  } catch (error) { told.errors.push(String(error && error.stack || error)); }
  await fetch("{address}", { method: "POST", mode: "no-cors", body: JSON.stringify(told) });
})();
</script>
"""


@pytest.mark.peer
@pytest.mark.parametrize("http", [False, True], ids=["disk", "http"])
def test_an_aiff_pack_is_heard_beyond_ten_minutes_from_the_disk_and_over_http(tmp_path: Path, http: bool) -> None:
    options = BuildOptions.parse(
        bpm="120",
        loops_per_bpm="2",
        bars="1",
        takes="1",
        take_seconds="61",
        density="0.1",
        jobs="1",
        finish="none",
        format="aiff",
        attempts="1",
        keep_best=True,
        out=str(tmp_path / "pack"),
    )
    build(options, Silent(), SOURCE)  # with no seconds for sound at all
    text = (options.place.out / "index.html").read_text()
    told = told_by(text, options.place.out, script=HEARD, http=http)
    assert told["errors"] == []
    rows = read_manifest(options.place.out).rows
    assert [file["name"] for file in told["files"]] == [Path(row.file).stem for row in rows]
    for file, row in zip(told["files"], rows, strict=True):
        assert file["seconds"] == pytest.approx(min(row.seconds, 61) if row.loops else 30, abs=0.01)
        assert file["peak"] > 0.05
        assert file["element"] is None


@pytest.mark.peer
def test_over_http_a_long_take_is_streamed_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pack_builder.publish.page.EMBEDDED_S", EMBEDDED_S)
    options = BuildOptions.parse(
        kinds=("piano",),
        takes="1",
        take_seconds="61",
        density="0.1",
        jobs="1",
        finish="none",
        attempts="1",
        keep_best=True,
        out=str(tmp_path / "pack"),
    )
    build(options, Silent(), SOURCE)
    [row] = read_manifest(options.place.out).rows
    text = (options.place.out / "index.html").read_text()
    [disk] = told_by(text, options.place.out, script=HEARD)["files"]
    assert (disk["seconds"], disk["element"]) == (pytest.approx(30, abs=0.01), None)
    [http] = told_by(text, options.place.out, script=HEARD, http=True)["files"]
    assert http["element"].endswith(".wav")
    assert http["seconds"] == pytest.approx(row.seconds, abs=0.01)
