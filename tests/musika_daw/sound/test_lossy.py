"""Ogg and MP3 files have exactly the frames of their music, for decoders of several families, and lose no label."""

from __future__ import annotations

import base64
import io
import json
import os
import queue
import subprocess
import tempfile
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from pedalboard.io import AudioFile

from musika_daw.hearing.check import seam, seam_step
from musika_daw.sound.sounds import FORMATS, MAGICS, encode, read_any_header, read_sound, read_sound_from
from musika_daw.sound.tags import Acid, Sampler, Tags
from tests.pack_builder.pack_stand_in import techno
from tests.programs import end, need

RATE = 44_100
JUCE_MP3_DELAY = 1105  # it plays the encoder's delay of 576 frames and the decoder's of 529


def file_of(form: str, samples: np.ndarray, rate: int = RATE) -> bytes:
    frames = len(samples)
    tags = Tags({"INAM": "x", "ICMT": '{"a": 1}'}, Acid(16, 128.5), Sampler(((0, frames - 1),)), key="Amin")
    return encode(samples, rate, tags, FORMATS[form])


def by_libsndfile(path: Path) -> np.ndarray:
    return np.asarray(soundfile.read(path, dtype="float32", always_2d=True)[0])


def by_ffmpeg(path: Path) -> np.ndarray:
    command = [need("ffmpeg"), "-v", "error", "-i", str(path), "-f", "f32le", "-ac", "2", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, "<f4").reshape(-1, 2)


def by_sox(path: Path) -> np.ndarray:
    command = [need("sox"), str(path), "-t", "f32", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, "<f4").reshape(-1, 2)


def by_juce(path: Path) -> np.ndarray:
    with AudioFile(str(path)) as file:
        return np.asarray(file.read(file.frames).T)


def assert_same_music(heard: np.ndarray, music: np.ndarray) -> None:
    """As long as it was, with every frame in its place."""
    assert heard.shape == music.shape
    part = slice(2000, len(music) - 2000)
    errors = [float(np.square(heard[part] - np.roll(music, shift, 0)[part]).mean()) for shift in (-1, 0, 1)]
    assert np.argmin(errors) == 1
    assert errors[1] < 0.005 * float(np.square(music).mean())


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize(
    ("form", "decoder"),
    [
        ("ogg", by_libsndfile),
        pytest.param("ogg", by_ffmpeg, marks=pytest.mark.peer),
        pytest.param("ogg", by_sox, marks=pytest.mark.peer),
        ("ogg", by_juce),
        ("mp3", by_libsndfile),
        pytest.param("mp3", by_ffmpeg, marks=pytest.mark.peer),
    ],
)
def test_decoders_give_back_every_frame_in_its_place(
    tmp_path: Path, form: str, decoder: Callable[[Path], np.ndarray], rate: int
) -> None:
    music = techno(128.5, 2, rate)
    path = tmp_path / f"x.{form}"
    path.write_bytes(file_of(form, music, rate))
    assert_same_music(decoder(path), music)


def test_a_decoder_that_heeds_no_delay_has_all_of_the_music_after_it(tmp_path: Path) -> None:
    music = techno(128.5, 2)
    path = tmp_path / "x.mp3"
    path.write_bytes(file_of("mp3", music))
    assert_same_music(by_juce(path)[JUCE_MP3_DELAY : JUCE_MP3_DELAY + len(music)], music)


PAGE = """<script>
(async () => {
  const told = {};
  for (const [form, text] of Object.entries({files})) {
    const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const sound = await new OfflineAudioContext(2, 1, 44100).decodeAudioData(bytes.buffer);
    told[form] = [sound.length, Array.from(sound.getChannelData(0).slice(4000, 8000))];
  }
  await fetch("told", {method: "POST", body: JSON.stringify(told)});
})();
</script>"""


@pytest.mark.peer
def test_a_browser_plays_every_frame_in_its_place(tmp_path: Path) -> None:
    music = techno(128.5, 2)
    files = {form: base64.b64encode(file_of(form, music)).decode() for form in ("ogg", "mp3")}
    page = PAGE.replace("{files}", json.dumps(files)).encode()
    told: queue.Queue[bytes] = queue.Queue()

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def do_POST(self) -> None:
            told.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        command = [need("chromium"), *flags, f"--user-data-dir={tmp_path / 'profile'}"]
        browser = subprocess.Popen(
            [*command, f"http://127.0.0.1:{server.server_port}/"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            found = json.loads(told.get(timeout=120))
        finally:
            end(browser)
            server.shutdown()
    assert found.keys() == files.keys()
    for frames, part in found.values():
        assert frames == len(music)
        errors = [float(np.square(np.array(part) - music[4000 + s : 8000 + s, 0]).mean()) for s in (-1, 0, 1)]
        assert np.argmin(errors) == 1
        assert errors[1] < 0.02 * float(np.square(music[4000:8000, 0]).mean())


@given(st.sampled_from([("ogg", 44_100), ("ogg", 96_000), ("mp3", 44_100), ("mp3", 48_000)]), st.integers(1, 50_000))
@settings(max_examples=30, deadline=None)
def test_any_length_comes_back_and_the_bytes_are_always_the_same(form: tuple[str, int], frames: int) -> None:
    name, rate = form
    samples = np.random.default_rng(frames).normal(0, 0.1, (frames, 2)).astype(np.float32)
    data = file_of(name, samples, rate)
    assert data == file_of(name, samples, rate)
    heard, header = read_sound_from(io.BytesIO(data), FORMATS[name].suffix)
    assert heard.shape == samples.shape
    assert (header.frames, header.sample_rate_hz, header.bits, header.encoding) == (
        frames,
        rate,
        0,
        FORMATS[name].encoding,
    )


@pytest.mark.parametrize("form", ["ogg", "mp3"])
def test_a_loop_stays_seamless(form: str) -> None:
    music = techno(135, 4)
    heard, _ = read_sound_from(io.BytesIO(file_of(form, music)), FORMATS[form].suffix)
    assert seam(heard, RATE, 16)[0] < 0.1
    assert seam_step(heard) < 0.1


def test_tags_are_found_by_the_names_that_programs_look_for(tmp_path: Path) -> None:
    music = techno(128.5, 1)
    for form in ("ogg", "flac"):
        path = tmp_path / f"x.{form}"
        path.write_bytes(file_of(form, music))
        found = {name.upper(): value[0] for name, value in mutagen.File(path).tags.as_dict().items()}
        assert (found["LOOPSTART"], found["LOOPLENGTH"]) == (
            "0",
            str(len(music)),
        )  # the end is the frame after the last
        assert found["KEY"] == found["INITIALKEY"] == "Amin"
        assert (found["BPM"], found["BEATS"]) == ("128.5", "16")
    path = tmp_path / "x.mp3"
    path.write_bytes(file_of("mp3", music))
    tags = mutagen.File(path).tags
    assert (tags["TBPM"].text[0], tags["TKEY"].text[0]) == ("128.5", "Am")
    assert (tags["TXXX:LOOPSTART"].text[0], tags["TXXX:LOOPLENGTH"].text[0]) == ("0", str(len(music)))
    info = mutagen.File(path).info
    assert info.bitrate == pytest.approx(320_000, abs=10)
    assert info.encoder_info.startswith("LAME")
    assert read_any_header(path).tags.sampler == Sampler(((0, len(music) - 1),))


@given(
    st.binary(max_size=4000).filter(lambda head: not head.startswith(MAGICS)),
    st.sampled_from([b"", b"ID3\x04\x00\x00\x00\x00\x00\x00"]),
)
@settings(max_examples=50, deadline=None)
def test_what_is_no_mp3_is_called_that_and_no_decoder_prints(head: bytes, tag: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as heard:
        path = Path(folder) / "x.mp3"
        path.write_bytes(tag + head.replace(b"\xff", b"\xfe"))  # a frame begins with eleven bits
        before = os.dup(2)
        os.dup2(heard.fileno(), 2)
        try:
            for read in (read_any_header, read_sound):
                with pytest.raises(ValueError, match="not an MP3 file: holds no MPEG audio"):
                    read(path)
        finally:
            os.dup2(before, 2)
            os.close(before)
        heard.seek(0)
        assert heard.read() == b""


@pytest.mark.parametrize("begin", MAGICS)
def test_junk_that_begins_as_another_format_does_is_refused_in_one_line(tmp_path: Path, begin: bytes) -> None:
    path = tmp_path / "x.mp3"
    path.write_bytes(begin + bytes(200))
    for read in (read_any_header, read_sound):
        with pytest.raises(ValueError, match=r"\A(?!.*does not exist)[^\n]+\Z"):
            read(path)


def test_a_wave_file_that_is_called_mp3_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.mp3"
    path.write_bytes(encode(techno(128, 1), RATE, Tags(), FORMATS["wav24"]))
    assert read_any_header(path).encoding == "pcm24"
