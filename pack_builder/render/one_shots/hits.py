"""One-shots that were rendered from a score: tuned, finished, and held to being one hit.

What is told of the pitch is measured on the sound itself: of a kick only where it settles on a note, of a bass or lead
against the note that its score says. A chord is named by its score.
"""

from collections.abc import Callable

import numpy as np

from musika_daw.hearing.check import clipped_frames, silent
from musika_daw.hearing.findings import Findings
from musika_daw.hearing.key import Pitch, pitch_of
from musika_daw.hearing.limits import LATE_PEAK, MONO, MONO_LIMIT_DB, ONSETS, PEAK, SOUND, broken
from musika_daw.hearing.onsets import note_onsets_s
from musika_daw.hearing.settled import settled_pitch
from musika_daw.hearing.spectra import slowed
from musika_daw.sound.sounds import FORMATS
from pack_builder.plan.families import CHORDS
from pack_builder.plan.jobs import Job
from pack_builder.plan.options import Finish
from pack_builder.render.coded import coded
from pack_builder.render.effects import through
from pack_builder.render.finish import finish, measure
from pack_builder.render.judge import SHOT_CEILING_DBTP, Candidate, Cut

Listen = Callable[[np.ndarray, int], Pitch | None]
_SETTLED = ("kick",)
_BODY_S = (0.03, 0.5)  # what of a bass or lead its pitch is heard in
_DEAD_DB, _FADE_S = -60.0, 0.005
_IN_TUNE_CENTS, _OFF_CENTS = 10.0, 50.0


def judge_hit(raw: np.ndarray, job: Job, wanted: Finish, root: int | None) -> Candidate:
    """A rendered one-shot [frames, 2] in tune and through its chain, measured; `root` is the note of its score."""
    rate, chain = wanted.sample_rate_hz, wanted.chain(job.kind)
    sound, pitch, off = (raw, None, False) if silent(raw) else tuned_to(raw, rate, job.role, root)
    if chain.effects:
        sound = _ended(through(chain, sound, rate, loops=False), rate)
    samples, gain_db, _ = finish(sound, rate, 0.0, False, SHOT_CEILING_DBTP)
    level = measure(samples, rate, loops=False)
    made = coded(samples, rate, FORMATS[wanted.format], False, SHOT_CEILING_DBTP, level)
    # a tone is named after its score, so one that is heard on another note is none
    findings = Findings(silent(raw), clipped_frames(made.heard))
    over = broken(findings)
    if not findings.silent:
        over |= faults(made.heard, rate) | ({SOUND: 1.0} if off else {})
    cut = Cut(None, None, pitch, job.role in CHORDS)
    return Candidate(made.samples, findings, made.level, gain_db - made.down_db, over, cut)


def faults(samples: np.ndarray, sample_rate_hz: int) -> dict[str, float]:
    """The limits that samples [frames, 2], which should be one hit, are beyond, as `limits.broken` tells them."""
    over: dict[str, float] = {}
    if (extra := len(note_onsets_s(samples, sample_rate_hz)) - 1) > 0:
        over[ONSETS] = float(extra)
    loud = np.abs(samples).max(axis=1)
    if (place := loud.argmax() / len(loud)) > LATE_PEAK:
        over[PEAK] = float(place)
    if (lost_db := mono_loss_db(samples)) > MONO_LIMIT_DB:
        over[MONO] = lost_db / MONO_LIMIT_DB - 1
    return over


def mono_loss_db(samples: np.ndarray) -> float:
    """How much of the energy of [frames, 2] is lost where both channels become one; 0 for equal ones, at most 60."""
    whole = float(np.square(samples, dtype=np.float64).mean())
    middle = float(np.square(samples.mean(axis=1, dtype=np.float64)).mean())
    return 0.0 if not whole else 10 * float(np.log10(whole / max(middle, whole * 1e-6)))


def tuned_to(
    samples: np.ndarray, sample_rate_hz: int, sound: str, root: int | None
) -> tuple[np.ndarray, Pitch | None, bool]:
    """A rendered sound [frames, 2] tuned to its note; its pitch, None where it has none that is sure; whether it is
    heard on another note than its score says.

    It is tuned by playing it so much slower or faster, half a semitone at most, and only where it then measures within
    10 cents of the note.
    """
    if sound in CHORDS:
        return samples, None if root is None else Pitch(root, 0.0), False
    listen = pitch_heard(sound)
    heard = listen(samples, sample_rate_hz) if listen else None
    if heard is not None and root is not None:
        heard = Pitch(root, heard.from_note(root))
        if abs(heard.cents) > _OFF_CENTS:
            return samples, None, True
    if heard is None or listen is None:
        return samples, None if root is None else Pitch(root, 0.0), False
    moved = _played_at(samples, heard.cents, sample_rate_hz)
    again = listen(moved, sample_rate_hz)
    if again is not None:
        again = Pitch(heard.note, again.from_note(heard.note))
        if abs(again.cents) <= _IN_TUNE_CENTS:
            return moved, again, False
    return samples, None if root is None else heard, False


def pitch_heard(sound: str) -> Listen | None:
    """How the pitch of a one-shot is measured; None for what has none."""
    if sound in _SETTLED:
        return settled_pitch
    return _tone if sound in ("bass", "lead") else None


def _tone(samples: np.ndarray, sample_rate_hz: int) -> Pitch | None:
    first, last = (round(second * sample_rate_hz) for second in _BODY_S)
    return pitch_of(samples[first:last], sample_rate_hz)


def _played_at(samples: np.ndarray, cents: float, sample_rate_hz: int) -> np.ndarray:
    """Samples so much slower that what was `cents` above its note is on it."""
    return _faded(slowed(samples, 2 ** (cents / 1200)), sample_rate_hz)


def _ended(samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Samples until effects have died away too."""
    loud = np.abs(samples).max(axis=1)
    heard = np.flatnonzero(loud > loud.max(initial=0.0) * 10 ** (_DEAD_DB / 20))
    return _faded(samples[: int(heard[-1]) + 1] if len(heard) else samples, sample_rate_hz)


def _faded(samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    fade = min(len(samples), round(_FADE_S * sample_rate_hz))
    kept = samples.copy()
    kept[len(kept) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    return kept
