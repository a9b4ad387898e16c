"""`LiveControls`: what can be changed while playing, from any thread, by name."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from musika_daw.host.control.part_mix import PART_ACTIONS, PartMix
from musika_daw.score.controls import Controls
from musika_daw.score.following.changes import Changes, changed
from musika_daw.score.parts import PARTS, parts_named, voices_named

SEED_MAX = (1 << 64) - 1


@dataclass(frozen=True)
class Parameter:
    """Range of a control, what a MIDI controller sweeps through, and the step of a key press.

    `off` is whether it may also be None, which leaves it to the model; `whole` whether it is a whole number.
    """

    low: float
    high: float
    start: float | None
    step: float
    whole: bool = False
    off: bool = False
    sweep: tuple[float, float] = (0.0, 1.0)


PARAMETERS: Mapping[str, Parameter] = {
    "density": Parameter(0, 1, None, 0.1, off=True),
    "energy": Parameter(0, 1, None, 0.1, off=True),
    "seed": Parameter(0, SEED_MAX, 0, 1, whole=True, sweep=(0, 127)),
    "style_seed": Parameter(0, SEED_MAX, None, 1, whole=True, off=True, sweep=(0, 127)),
    "morph_seed": Parameter(0, SEED_MAX, None, 1, whole=True, off=True, sweep=(0, 127)),
    "morph": Parameter(0, 1, 0.0, 0.1),
    "truncation": Parameter(0, 1, 1.0, 0.1),
    "gain_db": Parameter(-60, 12, 0.0, 1.0, sweep=(-60.0, 6.0)),
}
WRITTEN = ("key", "chords", "parts", "voices")
"""What a score is asked for, as texts: `Am`, `Am | F | C | G7`, `drums, bass`, `kick=12, bass=7`; None is its own."""
ACTIONS = ("keep_4", "keep_8", "keep_16", "new_seed", "new_style", "effects", "play", "stop", "quit", *PART_ACTIONS)


class LiveControls:
    """The present values, and the actions that keys and controllers may ask for.

    `on_action` is called with the name of an action, in the thread that asked. A gain of -60 dB is silence. `check`
    raises ValueError for what the model that plays cannot be asked, `unheeded` says what of it would not be heard.
    `problem` is what was wrong with the last thing that was asked, for those whom nobody answers. `starts` is where
    each control is when nobody has moved it: a value of None leaves one there that is never off.
    """

    def __init__(self, on_action: Callable[[str], None] | None = None, **values: float | None) -> None:
        self.check: Callable[[Controls], None] = lambda controls: None
        self.unheeded: Callable[[Controls], str | None] = lambda controls: None
        self._written: dict[str, str | None] = dict.fromkeys(WRITTEN)
        self._changes: Changes = ()
        self._mix = PartMix()
        self._lock = threading.Lock()
        self.starts: dict[str, float | None] = {name: p.start for name, p in PARAMETERS.items()}
        self._values = dict(self.starts)
        self.on_action = on_action
        self.last_change = ""
        self.problem: str | None = None
        self._left = set[str]()  # controls that nobody has moved from their start
        for name, value in values.items():
            if value is None and not _parameter(name).off:
                self._left.add(name)
            else:
                self.set(name, value)
        self.last_change = ""

    def start_at(self, name: str, value: float) -> None:
        """Begin elsewhere, as the model that plays asks for; one that was left there by a None goes there now."""
        self.starts[name] = value
        if name in self._left:
            self.set(name, value)
            self.last_change = ""

    def set(self, name: str, value: float | None) -> None:
        """Set a control. Raises ValueError for an unknown name or a value out of range."""
        self.set_all({name: value})

    def set_all(self, values: Mapping[str, float | None]) -> None:
        """Set several controls at once, or none of them. Raises ValueError as `set` does."""
        with self._lock, self._noted():
            checked = {name: _check(name, _parameter(name), value) for name, value in values.items()}
            self._values = {**self._values, **checked}
            self.problem = self.unheeded(self.controls())
            self.last_change = ", ".join(
                f"{name} {'off' if value is None else format(value, 'g')}" for name, value in checked.items()
            )

    def write(self, texts: Mapping[str, str | None]) -> None:
        """Ask for a key, chords, parts or voices, some or all of `WRITTEN`, or for none of them if one is wrong.

        What is typed as chords is in the place of what was played. Raises ValueError for an unknown name, a wrong text,
        and for what the model plays no score of.
        """
        with self._lock, self._noted():
            for name in texts:
                if name not in WRITTEN:
                    raise ValueError(f"score: {name!r:.40}, must be one of {', '.join(WRITTEN)}")
            written = {**self._written, **texts}
            changes = () if "chords" in texts else self._changes
            self.check(_controls_of(self._values, written, changes))
            self._written, self._changes = written, changes
            self.last_change = ", ".join(f"{name} {'off' if text is None else text}" for name, text in texts.items())

    def change_chord(self, beat: float, chord: str | None) -> None:
        """Ask for a chord from a beat of the timeline on, None for the piece's own. Raises ValueError as `write`."""
        with self._lock, self._noted():
            changes = changed(self._changes, beat, chord)
            self.check(_controls_of(self._values, self._written, changes))
            self._changes = changes
            self.last_change = f"chord {'its own' if chord is None else chord} from beat {beat:g}"

    @property
    def changes(self) -> Changes:
        """The chords that were played on the way."""
        return self._changes

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Keep what is refused as the `problem`, until something is not."""
        self.problem = None
        try:
            yield
        except ValueError as error:
            self.problem = str(error)
            raise

    def written(self) -> dict[str, str | None]:
        """What a score is asked to be written in, by the names of `WRITTEN`."""
        return dict(self._written)

    def sweep(self, name: str, share: float) -> None:
        """Set a control to a share 0..1 of what a MIDI controller goes through. Raises ValueError."""
        parameter = _parameter(name)
        low, high = parameter.sweep
        value = low + (high - low) * min(max(share, 0.0), 1.0)
        self.set(name, round(value) if parameter.whole else value)

    def nudge(self, name: str, steps: int) -> None:
        """Move a control by its steps, within its range; one that is off begins in the middle."""
        parameter, value = PARAMETERS[name], self.get(name)
        if value is None:
            value = 0.5 if parameter.high == 1 else 0.0
        else:
            value = min(max(value + steps * parameter.step, parameter.low), parameter.high)
        self.set(name, round(value) if parameter.whole else round(value, 6))

    def act(self, action: str) -> None:
        """Ask for an action. Raises ValueError for an unknown one, and for parts of a model that plays none."""
        if action not in ACTIONS:
            raise ValueError(f"action: {action!r:.40}, must be one of {', '.join(ACTIONS)}")
        if action == "new_seed":
            self.nudge("seed", 1)
        elif action == "new_style":
            style = self.get("style_seed")
            self.set("style_seed", ((self.get("seed") or 0) if style is None else style) + 1)
        elif action in PART_ACTIONS:
            kind, _, part = action.partition("_")
            self.mix(kind, part)
        if self.on_action is not None:
            self.on_action(action)

    def mix(self, kind: str, part: str, on: bool | None = None) -> None:
        """Mute or solo a part, no longer, or (None) the other way round than it is. Raises ValueError for what is no
        part, and for a model that does not play these parts."""
        with self._lock, self._noted():
            mix = self._mix.with_part(kind, part, on)
            try:
                self.check(Controls(muted=(part,)))
            except ValueError as error:  # said of a mute, and of a solo as one
                raise ValueError(str(error).replace("muted", kind, 1)) from None
            self._mix = mix
            self.last_change = (
                f"{part} {kind} {'on' if part in (mix.muted if kind == 'mute' else mix.soloed) else 'off'}"
            )

    def parts(self) -> dict[str, dict[str, bool]]:
        """Of each part whether it is `mute`, `solo` and `heard`; nothing for a model that plays no parts."""
        try:
            self.check(Controls(parts=PARTS))
        except ValueError:
            return {}
        controls, mix = self.controls(), self._mix
        return {
            part: {"mute": part in mix.muted, "solo": part in mix.soloed, "heard": controls.hears(part)}
            for part in PARTS
        }

    def get(self, name: str) -> float | None:
        """Present value; None is off."""
        return self._values[name]

    def values(self) -> dict[str, float | None]:
        """All present values."""
        return dict(self._values)

    def controls(self) -> Controls:
        """What the engine is told."""
        return self._mix.applied(_controls_of(self._values, self._written, self._changes))

    @property
    def gain(self) -> float:
        """Output gain as a factor."""
        gain_db = self._values["gain_db"] or 0.0
        return 0.0 if gain_db <= PARAMETERS["gain_db"].low else float(10 ** (gain_db / 20))


def _controls_of(
    values: Mapping[str, float | None], written: Mapping[str, str | None], changes: Changes = ()
) -> Controls:
    return replace(
        written_controls(**written),
        changes=changes,
        seed=_whole(values["seed"]) or 0,
        style_seed=_whole(values["style_seed"]),
        morph_seed=_whole(values["morph_seed"]),
        morph=values["morph"] or 0.0,
        density=values["density"],
        energy=values["energy"],
        truncation=1.0 if values["truncation"] is None else values["truncation"],
    )


def written_controls(
    key: str | None = None, chords: str | None = None, parts: str | None = None, voices: str | None = None
) -> Controls:
    """Controls that ask for a key, chords, parts and voices as texts, and for nothing else. Raises ValueError."""
    return Controls(
        key=key,
        chords=chords,
        parts=None if parts is None else parts_named(parts),
        voices=() if voices is None else voices_named(voices),
    )


def _parameter(name: str) -> Parameter:
    if name not in PARAMETERS:
        raise ValueError(f"control: {name!r:.40}, must be one of {', '.join(PARAMETERS)}")
    return PARAMETERS[name]


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _check(name: str, parameter: Parameter, value: float | None) -> float | None:
    allowed = f"{parameter.low:g}..{parameter.high:g}"
    if value is None:
        if not parameter.off:
            raise ValueError(f"{name}: off, must be in {allowed}")
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: {value!r:.40}, must be a number in {allowed}")
    if not parameter.low <= value <= parameter.high:
        raise ValueError(f"{name}: {value:g}, must be in {allowed}")
    if parameter.whole and value != int(value):
        raise ValueError(f"{name}: {value:g}, must be a whole number in {allowed}")
    return int(value) if parameter.whole else float(value)
