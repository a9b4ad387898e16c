"""Settings under which a stage takes a second."""

from __future__ import annotations

from training.runs.recipes import AutoencoderSettings, GanSettings

QUICK = AutoencoderSettings(
    batch=2,
    latents=6,
    warmup_steps=2,
    anneal=0.0,
    log_every=2,
    learning_rate=1e-3,
    components_from=0,
    save_every_s=0.0,
    discriminator_width=2,
)
QUICK_GAN = GanSettings(
    batch=2, warmup_steps=2, anneal=0.0, log_every=2, adversary_from_step=2, discriminator_width=8, save_every_s=0.0
)
