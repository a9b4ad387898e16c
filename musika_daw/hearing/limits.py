"""What a file must keep to be in a pack: the limits of the quality gate, and by how much a file is beyond them.

| limit | value | where it comes from |
|---|---|---|
| silence | some sample at -60 dBFS or more | |
| clipping | at most 12 frames in flat tops | the crest of a low sine holds that many equal samples at 96 kHz |
| tempo | within 0.5 % | the worst loop that the project accepts |
| beat | median beat within 10 ms of the grid | above that two layered loops flam |
| steady beat | a pulse that can be measured | a loop without one cannot be proved to be in time |
| seam | at most 0.3 over the loop's strongest beat | see `check.seam`; a lone crash there is none |
| step | no larger than the largest bend elsewhere | see `check.seam_step` |
| end | -40 dB or less at the end of a take | a take must not be cut in a note |
| no such sound | like its kind, on its note | a one-shot that is none (see `shots`) is not cut; a tone is on its note |
| second onset, late peak | one onset, the peak in the first two thirds | a one-shot that is rendered is one hit |
| mono | at most 3 dB lost where both channels are one | so that it is heard on a club's system |
| level | -40 LUFS or more after finishing | below that a file is noise with a spike in it |
| level | a loop within 0.5 LU of its target, a take within 1 | where the chain may bend spikes |
"""

import math

from musika_daw.hearing.findings import Findings

SEAM_LIMIT = 0.3
STEP_LIMIT = 1.0
OFFSET_LIMIT_MS = 10.0
TEMPO_LIMIT_PCT = 0.5
SILENCE_DBFS = -60.0
END_LIMIT_DB = -40.0
CLIPPED_LIMIT_FRAMES = 12
LOUDNESS_LIMIT_LUFS = -40.0
LEVEL_LIMIT_LU, TAKE_LEVEL_LIMIT_LU = 0.5, 1.0
LATE_PEAK = 2 / 3
MONO_LIMIT_DB = 3.0

SILENCE, CLIPPING, TEMPO, BEAT, NO_BEAT, SEAM, STEP, END, LEVEL, SOUND, ONSETS, PEAK, MONO = (
    "silence",
    "clipping",
    "tempo",
    "beat offset",
    "no steady beat",
    "seam",
    "seam step",
    "end",
    "level",
    "no such sound",
    "second onset",
    "late peak",
    "mono",
)


def broken(
    findings: "Findings", loudness_lufs: float | None = None, target_lufs: float | None = None
) -> dict[str, float]:
    """The limits that a file is beyond, each with how far (above 0, in units of the limit); empty is a good file.

    `target_lufs` is the loudness that the file has to have, None where it need not.
    """
    if findings.silent:
        return {SILENCE: 100.0}
    over: dict[str, float] = {}
    if findings.clipped_frames > CLIPPED_LIMIT_FRAMES:
        over[CLIPPING] = min(10.0, findings.clipped_frames / 100)
    for name, value, limit in (
        (TEMPO, abs(findings.tempo_error_pct or 0.0), TEMPO_LIMIT_PCT),
        (BEAT, findings.pulse.beat_offset_ms if findings.pulse else 0.0, OFFSET_LIMIT_MS),
        (SEAM, findings.seam or 0.0, SEAM_LIMIT),
        (STEP, findings.seam_step or 0.0, STEP_LIMIT),
    ):
        if value > limit:
            over[name] = value / limit - 1
    if findings.seam_score is not None and findings.pulse is None:
        over[NO_BEAT] = 1.0
    if findings.end_db is not None and findings.end_db > END_LIMIT_DB:
        over[END] = (findings.end_db - END_LIMIT_DB) / 10
    if loudness_lufs is not None and not loudness_lufs >= LOUDNESS_LIMIT_LUFS:
        over[LEVEL] = min(10.0, (LOUDNESS_LIMIT_LUFS - max(-1000.0, loudness_lufs)) / 10)
    if loudness_lufs is not None and target_lufs is not None and LEVEL not in over:
        allowed_lu = TAKE_LEVEL_LIMIT_LU if findings.seam_score is None else LEVEL_LIMIT_LU
        if abs(loudness_lufs - target_lufs) > allowed_lu:
            over[LEVEL] = min(10.0, abs(loudness_lufs - target_lufs) / allowed_lu - 1)
    return over


def distance(over: dict[str, float]) -> float:
    """How far beyond the limits a file is in all; 0 is a good file, less is better."""
    return math.fsum(over.values())
