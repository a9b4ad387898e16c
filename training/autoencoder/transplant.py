"""A decoder's weights for one of the same latents with other frames.

Both levels up to the last layer stay as they are. The last layer's spectra are stretched to the new bins and averaged
over or repeated in the new frames; how tonal bins are and the gain curves are kept; what else the tracker is told
starts silent.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from musika_daw.instrument.models import AutoencoderConfig, Decoder, PhaseTracker


def transplanted(weights: dict[str, Tensor], old: AutoencoderConfig, new: AutoencoderConfig) -> dict[str, Tensor]:
    """Weights of a decoder of `new` from one of `old`, which agree in `of_encoder`.

    ValueError where either lets its network give the phases itself.
    """
    if old == new:
        return weights
    if old.of_encoder() != new.of_encoder() or not old.tracked_bins or not new.tracked_bins:
        raise ValueError("decoder: only decoders with tracked phases, of the same latents, take each other's weights")
    before, after = Decoder(old), Decoder(new)
    before.load_state_dict(weights)
    out = after.state_dict() | {k: v for k, v in before.state_dict().items() if not k.startswith(_LAST)}
    for name in ("weight", "bias"):
        shortcut = before.get_parameter(f"level1.shortcut.{name}").detach()
        head = before.get_parameter(f"level1.outward.1.{name}").detach()
        spectra, advice = head.split([len(shortcut), len(head) - len(shortcut)])
        out[f"level1.shortcut.{name}"] = _stretched(shortcut, before, after)
        told = _told(advice, before, after)
        out[f"level1.outward.1.{name}"] = torch.cat([_stretched(spectra, before, after), told])
    out["gain"] = _along_bins(before.gain, after.sizes.bins)
    return out


_LAST = ("level1.outward.1.", "level1.shortcut.", "gain")


def _stretched(rows: Tensor, before: Decoder, after: Decoder) -> Tensor:
    """Rows `[stride * channels * bins, ...]` of a layer that gives spectra."""
    by_frame = rows.unflatten(0, (before.sizes.level1.stride, before.sizes.channels, before.sizes.bins))
    return _in_frames(_along_bins(by_frame, after.sizes.bins, 2), after.sizes.level1.stride).flatten(0, 2)


def _told(rows: Tensor, before: Decoder, after: Decoder) -> Tensor:
    """Rows `[advice, ...]` of a layer that advises tracker and gain curves."""
    assert before.tracker is not None
    assert after.tracker is not None
    told, gains = rows.split([before.tracker.advice, len(rows) - before.tracker.advice])
    out = rows.new_zeros(after.tracker.advice, *rows.shape[1:])
    out[_tonality(after.tracker)] = _along_bins(told[_tonality(before.tracker)], after.tracker.tracked, 1)
    return torch.cat([out, gains])


def _tonality(tracker: PhaseTracker) -> Tensor:
    """Numbers `[channels, tracked]` of a tracker's advice that say how tonal a bin is."""
    count = tracker.channels * tracker.tracked
    return tracker.place("tonality") + torch.arange(count).unflatten(0, (tracker.channels, -1))


def _along_bins(x: Tensor, bins: int, axis: int = -1) -> Tensor:
    """Linear interpolation to `bins` points between the first and the last along an axis."""
    if x.shape[axis] == bins:
        return x
    moved = x.movedim(axis, -1)
    flat = moved.reshape(1, -1, moved.shape[-1])
    made = F.interpolate(flat, size=bins, mode="linear", align_corners=True)
    return made.reshape(*moved.shape[:-1], bins).movedim(-1, axis)


def _in_frames(x: Tensor, frames: int) -> Tensor:
    """Means over, or repetitions of, the first axis so that it has `frames`."""
    if len(x) > frames:
        return x.unflatten(0, (frames, -1)).mean(1)
    return x.repeat_interleave(frames // len(x), 0)
