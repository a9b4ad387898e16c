"""The preview page at another tempo: pitch, beats and seam of a loop stay, in a real browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pack_builder.record.manifest import read_manifest
from tests.pack_builder.publish.test_page import told_by

STRETCHED = """
<script>
(async () => {
  const told = { errors: [] };
  try {
    const { files, load, stretch, play, playing, stopAll } = window.pack, by = id => document.getElementById(id);
    const loop = files.find(file => file.loops), other = files.filter(file => file.loops)[1];
    const buffer = await load(loop, new OfflineAudioContext(1, 100, loop.rate));
    const slow = await stretch(loop, buffer, 100);
    told.first = Array.from(slow.getChannelData(0));
    told.again = (await stretch(loop, buffer, 100)) === slow;
    by("tempo").value = "100";
    by("tempo").dispatchEvent(new Event("change"));
    await play(loop, false);
    const { source, rate } = playing.get(loop);
    told.source = [source.playbackRate.value, Math.round(source.loopEnd * loop.rate), rate];
    told.tempo = by("tempo").value;
    await play(other, true);
    told.layered = [playing.size, playing.get(other).source.playbackRate.value];
    stopAll();
    by("tempo").value = "";
    by("tempo").dispatchEvent(new Event("change"));
    await play(other, false);
    told.own = [Number(by("tempo").value), playing.get(other).rate];
    stopAll();
  } catch (error) { told.errors.push(String(error && error.stack || error)); }
  await fetch("{address}", { method: "POST", mode: "no-cors", body: JSON.stringify(told) });
})();
</script>
"""


@pytest.mark.peer
def test_a_loop_at_another_tempo_keeps_its_pitch_its_beats_and_its_seam(pack: Path, tmp_path: Path) -> None:
    told = told_by((pack / "index.html").read_text(), tmp_path, script=STRETCHED)
    assert told["errors"] == []
    loop, other = (row for row in read_manifest(pack).rows if row.loops)
    frames = round(loop.sound.frames * loop.music.bpm / 100)
    slow = np.array(told["first"])
    assert len(slow) == frames
    assert told["again"]
    real = soundfile.read(pack / loop.file)[0][:, 0]

    def loudest_hz(samples: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        hz = np.fft.rfftfreq(len(samples), 1 / 44100)
        return float(hz[np.argmax(power * (hz > 100) * (hz < 250))])

    # at the speed of the tempo it would lie three semitones lower; a third of one is what kicks smear
    assert loudest_hz(slow) == pytest.approx(loudest_hz(real), rel=2 ** (1 / 36) - 1)
    beats = [np.square(samples[: len(samples) // 4 * 4].reshape(4, -1)).sum(axis=1) for samples in (real, slow)]
    np.testing.assert_allclose(beats[1] / beats[1].sum(), beats[0] / beats[0].sum(), atol=0.05)
    eighths = np.square(slow)[: len(slow) // 8 * 8].reshape(8, -1)[:, : 44100 // 20].sum(axis=1)
    kicks, others = eighths[::2], eighths[1::2]
    assert kicks.min() > 2 * others.max()  # each beat has its kick, and nothing of the kind between them
    assert abs(slow[0] - slow[-1]) < 0.2
    assert told["source"] == [1, frames, pytest.approx(100 / loop.music.bpm)]
    assert told["tempo"] == "100"
    assert told["layered"] == [2, 1]
    assert told["own"] == [other.music.bpm, 1]
