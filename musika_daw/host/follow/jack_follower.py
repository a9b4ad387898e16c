"""`JackFollower`: the grid of a JACK transport, on the server's own frames, exact to the sample.

The beats that a timebase master reports are not always worth as much as its frames: `jack_transport` cuts
the fraction of a tick off in every period, which makes its song 2.3 % slow at 120 bpm. So beats are read where
play begins or jumps, and counted in frames from there; a master that keeps time is believed in between too.
While it rolls PipeWire hands out bars that are a period older than their frames, and right ones where play begins or
jumps: by how much they lag is measured in every run, and taken off.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from bridge import Transport, Valid
from musika_daw.host.follow.follower import _loop_of
from musika_daw.host.play.grid import Grid
from musika_daw.host.play.timeline import Timeline

JUMP_S = 0.03
WHOLE_BEATS = 0.004  # a few ticks: as near as masters come to where a constant tempo would be
SETTLE_S = 0.25  # after that a run has the lag that it keeps
TRUST_AFTER_S, TRUST = 1.0, 0.002
STEADY = 0.9  # of the bars of a second
LAG_MAX_S = 0.2  # a period of 8192 frames
LEAST_S = 0.001
BEND = 0.005  # of the playing rate, at most
SLOW_STEP_S = 0.25  # a host that was held up sees a start that late


class JackFollower:
    """Turns the records of `bridge.JackSource` into a grid whose times are seconds of the transport.

    Without a timebase master the tempo is `bpm` throughout. `period_s` tells how long the server's cycles are at the
    moment: PipeWire changes that while it rolls, and bars lag by more or less from then on.
    """

    def __init__(
        self, bpm: float = 120.0, timeline: Timeline | None = None, period_s: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.timeline = timeline or Timeline(bpm)
        self._read_period_s, self._period_s = period_s, period_s()
        self.bpm = bpm
        self.grid = Grid(beats_per_s=bpm / 60)
        self.trusts_master: bool | None = None
        self._last: tuple[float, float] | None = None  # host time and transport time of the last record
        self._run: tuple[float, float] | None = None  # transport time and reported beat where this run had settled
        self._began_s = 0.0  # transport time where it began
        # of the bars behind the frames in this run, each at a transport time, while it is measured
        self._lags: list[tuple[float, float]] | None = None
        self._lag_s = 0.0

    def update(self, record: Transport, now_s: float) -> Grid:
        """Take the newest record; returns the grid, the same object where nothing changed."""
        if not record.knows(Valid.POSITION_S | Valid.HOST_TIME_S | Valid.PLAYING):
            self._last = self._run = None
            if self.grid.playing:
                self.grid = Grid(False, self.grid.at_s, self.grid.beat, self.bpm / 60, jumps=self.grid.jumps + 1)
            return self.grid
        at_s, host_s = record.position_s, record.host_time_s
        bpm = record.tempo_bpm if record.knows(Valid.TEMPO_BPM) else self.bpm
        told = record.position_beats if record.knows(Valid.POSITION_BEATS) else None
        grid, loop = self.grid, _loop_of(record)
        period_s, self._period_s = self._period_s, self._read_period_s()
        went_on = False
        if self._last is not None and grid.playing and record.playing:
            went_on = abs((at_s - self._last[1]) - (host_s - self._last[0])) < JUMP_S
        stepped = abs(bpm - self.bpm) > 1e-6
        self.bpm = bpm
        if not went_on:
            beat = self._anchor(at_s, told)
            # a cycle that has become longer may be heard of here before the sink has run it
            moved_s = LAG_MAX_S if self._last is None else at_s - self._last[1]
            may_lag_s = self._lag_s + max(period_s, self._period_s, moved_s if moved_s < LAG_MAX_S else 0)
            if not stepped and (
                self._stayed(at_s, host_s)
                or self._lags_at_start(record.playing, at_s, host_s, told)
                or (record.playing and self._was_held_up(at_s, told, may_lag_s))
            ):
                beat = grid.beat + (at_s - grid.at_s) * grid.beats_per_s
            same = abs(beat - (grid.beat + (at_s - grid.at_s) * grid.beats_per_s)) < 1e-6 and not stepped
            stays = same and record.playing == grid.playing and loop == (grid.loop_start, grid.loop_end)
            if not stays or (not record.playing and at_s != grid.at_s):
                self.grid = Grid(record.playing, at_s, beat, bpm / 60, *loop, jumps=grid.jumps + (not same))
            self._run, self._began_s = None, at_s
            self._lags = [] if told is not None else None  # without bars nobody knows where it began
        else:
            if period_s != self._period_s and told is not None:
                self._run, self._began_s, self._lags = None, at_s, []
            if self._run is None and told is not None and at_s - self._began_s >= SETTLE_S:
                self._run = (at_s, told)
            assert self._last is not None
            self._go_on(at_s, at_s - self._last[1], told, stepped, loop)
        self._last = (host_s, at_s)
        self.timeline.observe(self.grid.beat, bpm, record.playing)
        return self.grid

    def here(self, now_s: float) -> float:
        """Beat at a host time."""
        if self._last is None or not self.grid.playing:
            return self.grid.beat
        return self.grid.beat_at(self._last[1] + now_s - self._last[0])

    def _anchor(self, at_s: float, told: float | None) -> float:
        """Beat at a place where play begins or goes on elsewhere."""
        constant = at_s * self.bpm / 60
        if told is None or abs(told - constant) < WHOLE_BEATS:
            return constant
        return told

    def _stayed(self, at_s: float, host_s: float) -> bool:
        """Whether a stop or start found the transport where it was, under a master whose beats are worth nothing."""
        if self._last is None or self.trusts_master is not False:
            return False
        elapsed_s = host_s - self._last[0]
        may_s = JUMP_S + (elapsed_s if self.grid.playing else min(elapsed_s, SLOW_STEP_S))
        return 0 <= at_s - self._last[1] <= may_s

    def _lags_at_start(self, playing: bool, at_s: float, host_s: float, told: float | None) -> bool:
        """Whether play has begun where it stood, the frames have moved on, and the bars not quite as far yet."""
        grid = self.grid
        if self._last is None or told is None or grid.playing or not playing:
            return False
        moved_s = at_s - self._last[1]
        near = LEAST_S * grid.beats_per_s
        there = grid.beat + (at_s - grid.at_s) * grid.beats_per_s
        may_s = JUMP_S + min(host_s - self._last[0], SLOW_STEP_S)
        return 0 <= moved_s <= may_s and grid.beat - near <= told <= there + near

    def _was_held_up(self, at_s: float, told: float | None, may_lag_s: float) -> bool:
        """Whether it rolls on where bars are known to lag, and was held up or sent elsewhere on the line that holds."""
        grid = self.grid
        if not grid.playing or told is None or self._lag_s <= 0:
            return False
        late_s = (grid.beat + (at_s - grid.at_s) * grid.beats_per_s - told) / grid.beats_per_s
        return -LEAST_S <= late_s <= may_lag_s + LEAST_S

    def _go_on(
        self, at_s: float, elapsed_s: float, told: float | None, stepped: bool, loop: tuple[float, float]
    ) -> None:
        grid = self.grid
        jumps = grid.jumps
        beat = foretold = grid.beat + (at_s - grid.at_s) * grid.beats_per_s
        if told is not None and self._run is not None and not stepped:
            run_s = at_s - self._run[0]
            if run_s >= TRUST_AFTER_S:
                self.trusts_master = abs((told - self._run[1]) / (run_s * self.bpm / 60) - 1) < TRUST
            self._measure_lag(at_s, (foretold - told) * 60 / self.bpm)
        if told is not None and self.trusts_master:
            told += self._lag_s * self.bpm / 60
            error_s = (told - foretold) * 60 / self.bpm
            if stepped:
                beat = told
            elif self._run is None or self._lags is not None:  # by how much its bars lag is not known yet
                pass
            elif abs(error_s) > JUMP_S:  # too far to be bent to: begin anew there
                beat, jumps = told, jumps + 1
            elif abs(error_s) > LEAST_S:
                beat = foretold + math.copysign(min(abs(error_s), BEND * elapsed_s), error_s) * self.bpm / 60
        if stepped:
            self._run, self._began_s, self._lags = None, at_s, None
        if stepped or beat != foretold or loop != (grid.loop_start, grid.loop_end):
            self.grid = Grid(True, at_s, beat, self.bpm / 60, *loop, jumps=jumps)

    def _measure_lag(self, at_s: float, lag_s: float) -> None:
        """How far the bars are behind the frames, once in a run whose master keeps time.

        It is that of a second in which nearly all bars lag by as much, a period at most: those of a master that is late
        itself for a moment, on a busy machine, lag by some cycles and then no longer.
        """
        if self._lags is None:
            return
        self._lags = [(then_s, lag) for then_s, lag in self._lags if at_s - then_s < TRUST_AFTER_S]
        self._lags.append((at_s, lag_s))
        if not self.trusts_master or len(self._lags) < 2:
            return
        lags = sorted(lag for _, lag in self._lags)
        lag_s = lags[len(lags) // 2]
        if sum(abs(lag - lag_s) <= LEAST_S for lag in lags) < STEADY * len(lags) or lag_s > self._lag_most_s():
            return
        # bars that are ahead do not lag: play began late, and is bent to them
        self._lag_s = lag_s if lag_s > LEAST_S else 0.0
        self._lags = None

    def _lag_most_s(self) -> float:
        """PipeWire's bars are a period old; what is older is so for a moment."""
        return 1.5 * self._period_s if self._period_s else LAG_MAX_S
