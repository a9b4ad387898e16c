"""What can be set of each stage of training, with the recipes of `studio` (the defaults) and of the paper."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from musika_daw.system.refusal import refused

AT_LEAST_ONE = ("batch", "latents", "log_every", "r1_every", "discriminator_width", "reader_batches", "line_batches")
SHARES = ("swapped", "reader_without_drums")


@dataclass(frozen=True)
class StageSettings:
    """What both stages have: batch, steps of Adam, what is written down, and when."""

    batch: int = 8
    learning_rate: float = 8e-4
    beta1: float = 0.8
    warmup_steps: int = 200
    anneal: float = 0.3
    clip: float = 1.0
    lambda_rec: float = 1.0
    lambda_adversary: float = 0.1
    discriminator_width: int = 16
    log_every: int = 20
    save_every_s: float = 120.0
    seed: int = 0


@dataclass(frozen=True)
class AutoencoderSettings(StageSettings):
    """What can be set of the autoencoder by `--set key=value`."""

    latents: int = 32
    latent_noise: float = 0.01
    components_from: int = 40
    shortcut_rate: float = 0.01
    head_rate: float = 1.0
    lambda_phase: float = 0.3
    lambda_advance: float = 0.3
    lambda_tonality: float = 0.5
    lambda_relative: float = 0.3
    swapped: float = 0.5
    loudness: float = 0.7
    lambda_wave: float = 1.0
    lambda_level1: float = 0.1
    lambda_latent: float = 0.002
    lambda_features: float = 1.0
    paper_losses: bool = False


PAPER_AUTOENCODER = AutoencoderSettings(
    batch=32,
    latents=8,
    learning_rate=1e-4,
    beta1=0.5,
    anneal=0.0,
    latent_noise=0.0,
    components_from=0,
    shortcut_rate=1.0,
    lambda_phase=0.0,
    lambda_wave=4.0,
    lambda_level1=0.0,
    lambda_latent=0.0,
    lambda_adversary=1.0,
    lambda_features=0.0,
    paper_losses=True,
)

# heads add to components in units of which a few carry most of the sound: moved as fast as the rest, 250 steps made
# what they began with a fifth worse
EARS_AUTOENCODER = replace(AutoencoderSettings(), learning_rate=1e-3, head_rate=0.01, components_from=60)


@dataclass(frozen=True)
class GanSettings(StageSettings):
    """What can be set of the generator by `--set key=value`; the first six differ from the autoencoder's."""

    batch: int = 16
    learning_rate: float = 3e-4
    beta1: float = 0.5
    warmup_steps: int = 100
    clip: float = 5.0
    discriminator_width: int = 192
    discriminator_pace: float = 1.0
    average: float = 0.995
    warm_start: bool = True
    hold_until_step: int = 0
    regress_until_step: int = 0
    lambda_kl: float = 1e-4
    anchor_price: float = 1.0
    line_batches: int = 120
    style_told: bool = False
    style_noise: float = 0.2
    lambda_rebuild: float = 0.1
    lambda_obey: float = 0.3
    reader_width: int = 192
    reader_blocks: int = 6
    reader_batches: int = 1
    reader_without_drums: float = 0.0
    bar_weight: float = 1.0
    balance_density: float = 0.0
    balance_parts: bool = False
    adversary_from_step: int = 200
    r1: float = 1.0
    r1_every: int = 8
    drop_phase: float = 0.08
    drop_tempo: float = 0.1
    drop_density: float = 0.4
    drop_energy: float = 0.4
    drop_score: float = 0.08
    drop_part: float = 0.06


PAPER_GAN = GanSettings(
    batch=32,
    learning_rate=1e-4,
    anneal=0.0,
    warm_start=False,
    lambda_adversary=1.0,
    lambda_obey=0.0,
    adversary_from_step=0,
    r1=10.0,
    r1_every=1,
)

# exported weights come without the networks that judged them: these learn first, against a generator left as it is
FINE_TUNE_GAN = replace(GanSettings(), hold_until_step=80, adversary_from_step=0)

S = TypeVar("S", bound=StageSettings)


def apply_settings(settings: S, pairs: tuple[str, ...]) -> S:
    """Settings with `key=value` pairs put in, each checked against the field's type."""
    known = [field.name for field in fields(settings)]
    changes: dict[str, Any] = {}
    for pair in pairs:
        key, _, text = pair.partition("=")
        if key not in known:
            raise refused("--set", pair, f"is no setting, must be one of {', '.join(known)}, as in seed=5")
        kind = type(getattr(settings, key))
        try:
            value = {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
        except (ValueError, KeyError):
            raise refused("--set", pair, f"must be of type {kind.__name__}") from None
        least = 1 if key in AT_LEAST_ONE else 0
        if kind in (int, float) and not least <= value < math.inf:
            raise refused("--set", pair, f"must be at least {least}")
        if key in SHARES and value > 1:
            raise refused("--set", pair, "must be a share, 0..1")
        changes[key] = value
    return replace(settings, **changes)
