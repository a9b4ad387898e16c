"""Where a transport will be: extrapolation to a host time, jump detection, and merging of partial news.

A jump is "the expected position differs from the received one by more than a tolerance". It is never
"the position went back": a loop that wraps goes back and is no jump, a locate forwards is one.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from bridge.clock.transport import LOOP, POSITION, SIGNATURE, Transport, Valid

JUMP_TOLERANCE_S = 0.05
MOVING = POSITION | Valid.PHASE_BEATS


def expected(transport: Transport, host_time_s: float) -> Transport:
    """The record as it should be at `host_time_s` if nobody touches the DAW.

    Moves the positions, the phase and a ramping tempo, wraps the loop, advances the bar start. A position
    that cannot be extrapolated (beats without a tempo) stays where it was. Without a host time, or when
    not known to be playing, only the host time changes. Earlier times are as good as later ones, except
    that a loop is not unwrapped.
    """
    if not transport.knows(Valid.HOST_TIME_S):
        return transport
    if not transport.is_rolling or host_time_s == transport.host_time_s:
        return dataclasses.replace(transport, host_time_s=host_time_s)
    elapsed_s = host_time_s - transport.host_time_s
    changed: dict[str, Any] = {"host_time_s": host_time_s}
    valid = transport.valid
    moved_s = elapsed_s
    if transport.knows(Valid.TEMPO_BPM):
        ramps = transport.knows(Valid.TEMPO_INCREMENT_BPM_PER_S)
        slope = transport.tempo_increment_bpm_per_s if ramps else 0.0
        moved_beats = (transport.tempo_bpm + slope * elapsed_s / 2) * elapsed_s / 60
        tempo_bpm = transport.tempo_bpm + slope * elapsed_s
        if not 1 <= tempo_bpm <= 1000:  # a ramp whose end was never announced: stay at the limit of tempo
            tempo_bpm = min(max(tempo_bpm, 1.0), 1000.0)
            limit_s = (tempo_bpm - transport.tempo_bpm) / slope
            moved_beats = (transport.tempo_bpm + tempo_bpm) / 2 * limit_s / 60
            moved_beats += tempo_bpm * (elapsed_s - limit_s) / 60
            changed["tempo_increment_bpm_per_s"] = 0.0
        changed["tempo_bpm"] = tempo_bpm
        if transport.knows(Valid.POSITION_BEATS):
            beats = transport.position_beats + moved_beats
            wrapped = _wrap(transport, beats)
            if wrapped != beats:
                if slope:
                    # seconds of the skipped part depend on a tempo curve that this record does not hold
                    valid &= ~(Valid.POSITION_S | Valid.POSITION_FRAMES)
                moved_s -= (beats - wrapped) * 60 / transport.tempo_bpm
            changed["position_beats"] = wrapped
            changed["bar_start_beats"] = _bar_start(transport, wrapped)
        if transport.knows(Valid.PHASE_BEATS | Valid.QUANTUM_BEATS):
            changed["phase_beats"] = (transport.phase_beats + moved_beats) % transport.quantum_beats
    if valid & Valid.POSITION_S:
        changed["position_s"] = transport.position_s + moved_s
    if valid & Valid.POSITION_FRAMES and valid & Valid.SAMPLE_RATE_HZ:
        changed["position_frames"] = transport.position_frames + round(moved_s * transport.sample_rate_hz)
    return dataclasses.replace(transport, valid=valid, **changed)


def _wrap(transport: Transport, beats: float) -> float:
    """`beats` folded into the loop, if there is one and play had not passed its end before."""
    if not (transport.knows(LOOP) and transport.loop_on):
        return beats
    start, end = transport.loop_start_beats, transport.loop_end_beats
    if end <= start or transport.position_beats >= end or beats < end:
        return beats
    return start + math.fmod(beats - start, end - start)


def _bar_start(transport: Transport, beats: float) -> float:
    """Start of the bar that `beats` is in, counted in bars of the record's signature from its bar start."""
    if not transport.knows(SIGNATURE | Valid.BAR_START_BEATS):
        return transport.bar_start_beats
    bar_beats = 4 * transport.signature_numerator / transport.signature_denominator
    # a beat that rounding put an instant before its bar line belongs to the new bar
    bars = math.floor((beats - transport.bar_start_beats) / bar_beats + 1e-9)
    return transport.bar_start_beats + bars * bar_beats


def position_error_s(previous: Transport, received: Transport) -> float | None:
    """How far `received` is ahead of what `previous` led to expect, in seconds; None if nobody can tell.

    Two positions on the two sides of a loop's ends are compared around the loop.
    """
    if not previous.knows(Valid.HOST_TIME_S) or not received.knows(Valid.HOST_TIME_S):
        return None
    should = expected(previous, received.host_time_s)
    both = should.valid & received.valid
    if both & Valid.POSITION_BEATS:
        error_beats = received.position_beats - should.position_beats
        length = should.loop_end_beats - should.loop_start_beats
        if should.knows(LOOP) and should.loop_on and length > 0:
            inside = should.loop_start_beats <= should.position_beats < should.loop_end_beats
            if inside and abs(error_beats) > length / 2:
                error_beats -= math.copysign(length, error_beats)
        tempo_bpm = should.tempo_bpm if should.knows(Valid.TEMPO_BPM) else received.tempo_bpm
        return error_beats * 60 / tempo_bpm
    if both & Valid.POSITION_S:
        return received.position_s - should.position_s
    if both & Valid.POSITION_FRAMES and both & Valid.SAMPLE_RATE_HZ:
        return (received.position_frames - should.position_frames) / received.sample_rate_hz
    return None


def is_jump(previous: Transport, received: Transport, tolerance_s: float = JUMP_TOLERANCE_S) -> bool:
    """Whether `received` is somewhere else than `previous` led to expect, by more than the tolerance."""
    error_s = position_error_s(previous, received)
    return error_s is not None and abs(error_s) > tolerance_s


def merge(previous: Transport, news: Transport) -> Transport:
    """`previous`, brought to the time of `news`, with every field that `news` knows taken from it.

    Positions that `news` does not know are dropped when one that it does know shows a jump.
    """
    if news.knows(Valid.HOST_TIME_S):
        base = expected(previous, news.host_time_s)
        if news.valid & POSITION and is_jump(previous, news):
            base = base.without(MOVING | Valid.BAR_START_BEATS)
    else:
        base = previous
    return dataclasses.replace(base, valid=base.valid | news.valid, **news.known())
