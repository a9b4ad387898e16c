"""The pulse of a loop: its tempo, and how far its onsets are from where they should be.

The measurements hear the audio only; the asked tempo is used to know where to listen, not what to report.
"""

import numpy as np

from musika_daw.hearing.findings import Pulse
from musika_daw.hearing.onsets import NOTE_LAG_S, Strength, circular_note_strength, circular_strength
from musika_daw.score.density import merge_onsets
from musika_daw.score.midi_file import PPQ
from musika_daw.score.parts import DRUMS
from musika_daw.score.roll import Notes

_TEMPO_SEARCH = 0.06
_BEAT_WINDOW_S = 0.06
_NOTE_WINDOW_S = 0.025  # less than half a thirty-second at 160 bpm is away from the next note
_NOTE_CONTRAST = 1.25  # dense music, 8 onsets a second, has 1.6; other notes than those at the places 0.3 and up
_STRIKES = ("kick", "snare", "clap", "rim")
_BESIDE_A_BEAT = 0.125  # beats next to one that belong to it
_ATTACK_S = 0.002  # flux peaks this much before a struck sound begins, measured on clicks, drums and tones


def measured_pulse(samples: np.ndarray, sample_rate_hz: int, bpm: float, beats: int) -> Pulse | None:
    """Tempo and offsets of a loop [frames, channels] that should hold `beats` at `bpm`, or None without a pulse.

    1. Search tempi within 6 % and downbeats within 60 ms for the grid that collects the most onset strength, so
       a loop at a wrong tempo is seen as such. 2. Find the strongest onset within 60 ms of each beat of that
    grid. 3. Fit a line: its slope is the tempo, its value at beat 0 the downbeat's offset. Only one round is
    used, since a repeated loop is periodic by construction and would always fit. The error is about
    (onset jitter) * 3.5 / beats^1.5 per beat: 0.03 % for 2 ms over 16 beats at 120 bpm.
    """
    strength = circular_strength(samples, sample_rate_hz)
    if not strength.values.max() or beats < 4:
        return None
    grid, period_s = _best_grid(strength, 60 / bpm, np.arange(beats), np.hanning(13) / 6)
    times, weights = _peaks_near(strength, grid, min(_BEAT_WINDOW_S, 0.2 * period_s))
    times = times + _ATTACK_S
    strong = weights >= 0.25 * np.quantile(weights, 0.9)
    contrast = np.median(weights) / (strength.values.mean() or 1.0)
    if strong.sum() < max(4, beats // 2) or contrast < 2.0:
        return None
    index = np.arange(beats)[strong]
    slope_s, first_s = _line(index, times[strong])
    offsets_s = times[strong] - index * 60 / bpm
    return Pulse(60 / slope_s, 1000 * first_s, 1000 * float(np.median(np.abs(offsets_s))))


def places_of(onset: np.ndarray, bpm: float, beats: int) -> np.ndarray:
    """Where the notes of a loop begin, in beats, float64 [n] rising; those of a chord, 30 ms, at one place.

    `onset` in beats counts to the tick of a MIDI file, so that notes and their file have the same places.
    """
    ticks = np.sort(np.rint(np.asarray(onset) * PPQ) % (beats * PPQ))
    return merge_onsets(ticks / PPQ * 60 / bpm) * bpm / 60


def strikes(notes: Notes) -> Notes:
    """Those of the notes that a beat is told by."""
    drums = notes.of("drums")
    return drums.at(np.isin(drums.key, [DRUMS[name] for name in _STRIKES]))


def crashes_first(notes: Notes, beats: int) -> bool:
    """Whether the first beat of a loop has a crash and no other beat has one; onsets in beats."""
    drums = notes.of("drums")
    crash = drums.onset[drums.key == DRUMS["crash"]]
    beat = np.rint(crash)
    on_beats = set((beat[np.abs(crash - beat) < _BESIDE_A_BEAT] % beats).tolist())
    return on_beats == {0.0}


def pulse_of_notes(samples: np.ndarray, sample_rate_hz: int, bpm: float, places: np.ndarray) -> Pulse | None:
    """`measured_pulse` of a loop whose notes begin at `places` (in beats), wherever in a bar they are.

    As there the tempo is found that collects the most onset strength, then the onset next to each place of that grid,
    and a line through them. Of 24 piano loops (8 to 124 places, 90 to 160 bpm) the tempo is found within 0.17 %, and a
    median offset of 1.6 to 7.7 ms; one that is 1 % fast or 30 ms late is told as such to within 0.1 % and 6 ms.
    """
    strength = circular_note_strength(samples, sample_rate_hz)
    if not len(strength.values) or not strength.values.max() or len(places) < 2:
        return None
    strength = Strength(strength.values, strength.rate_hz, strength.start_s + NOTE_LAG_S)
    grid, _ = _best_grid(strength, 60 / bpm, places, np.hanning(5) / 2)
    times, weights = _peaks_near(strength, grid, _NOTE_WINDOW_S)
    strong = weights >= 0.25 * np.quantile(weights, 0.9)
    if strong.sum() < max(2, len(places) / 2) or np.median(weights) < _NOTE_CONTRAST * strength.values.mean():
        return None
    slope_s, first_s = _line(places[strong], times[strong])
    offsets_s = times[strong] - places[strong] * 60 / bpm
    return Pulse(60 / slope_s, 1000 * first_s, 1000 * float(np.median(np.abs(offsets_s))))


def _best_grid(strength: Strength, period_s: float, index: np.ndarray, kernel: np.ndarray) -> tuple[np.ndarray, float]:
    """Times of the places `index` (in beats) and the period of a beat, both of the grid with the most strength."""
    smooth = np.convolve(strength.values, kernel, mode="same")
    offsets_s = np.arange(-_BEAT_WINDOW_S, _BEAT_WINDOW_S + 1e-9, 0.004)
    best = (-1.0, period_s, 0.0)
    tempi = 1 + np.arange(-_TEMPO_SEARCH, _TEMPO_SEARCH + 1e-9, 0.001)
    for factor in sorted(tempi, key=lambda value: abs(value - 1)):
        times = offsets_s[:, None] + index * period_s / factor
        places = np.rint((times - strength.start_s) * strength.rate_hz).astype(int) % len(smooth)
        sums = smooth[places].sum(axis=1)
        place = int(sums.argmax())
        if sums[place] > best[0] * (1.0 if factor == 1 else 1.02):  # a tie goes to the asked tempo, tried first
            best = (float(sums[place]), period_s / factor, float(offsets_s[place]))
    return best[2] + index * best[1], best[1]


def _peaks_near(strength: Strength, grid_s: np.ndarray, window_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Times (finer than a hop, by a parabola) and heights of the strongest onset near each grid time."""
    values, rate = strength.values, strength.rate_hz
    reach = max(2, round(window_s * rate))
    around = np.arange(-reach, reach + 1)
    middle = np.rint((grid_s - strength.start_s) * rate).astype(int)
    taper = 1 - 0.3 * np.abs(around) / reach  # of two equal onsets the nearer one is the beat
    best = middle + around[(values[(middle[:, None] + around) % len(values)] * taper).argmax(axis=1)]
    left, top, right = (values[(best + step) % len(values)] for step in (-1, 0, 1))
    bend = left - 2 * top + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1.0), 0.0)
    return (best + np.clip(shift, -0.5, 0.5)) / rate + strength.start_s, top


def _line(index: np.ndarray, times_s: np.ndarray) -> tuple[float, float]:
    """Slope and start of a line through the beats; beats far from a first fit are left out of a second one."""
    slope, start = np.polyfit(index, times_s, 1)
    rest = np.abs(times_s - slope * index - start)
    keep = rest <= max(0.004, 2.5 * float(np.median(rest)))
    if keep.sum() >= 4:
        slope, start = np.polyfit(index[keep], times_s[keep], 1)
    return float(slope), float(start)
