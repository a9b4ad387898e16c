"""Gain curves: flat where nothing is said, sharper than an STFT frame, and old weights without them still load."""

from __future__ import annotations

import torch
from torch.testing import assert_close

from musika_daw.instrument.models import TINY, Decoder
from musika_daw.instrument.models.gain import POINT_FRAMES, GainCurve
from musika_daw.instrument.models.spectrum import Spectrum

SIZES = TINY.autoencoder


def test_no_advice_is_a_gain_of_one() -> None:
    curve = GainCurve(SIZES)
    assert_close(curve(torch.zeros(2, 5, 2 * curve.advice)), torch.ones(2, 2, 2, 5 * SIZES.r_time_1))


def test_a_gain_passes_from_one_point_to_the_next_in_64_frames() -> None:
    curve = GainCurve(SIZES)
    advice = torch.zeros(1, 4, 2 * curve.advice)
    by_band = advice.unflatten(2, (2, 2, curve.points))
    by_band[:, 2:, 1, 0] = -20.0  # side, low band, from step 2 on
    gains = curve(advice)
    edge = 2 * SIZES.r_time_1
    assert_close(gains[:, 0], torch.ones_like(gains[:, 0]))
    assert_close(gains[:, 1, 1], torch.ones_like(gains[:, 1, 1]))
    low = gains[0, 1, 0]
    assert_close(low[: edge - POINT_FRAMES // 2], torch.ones(edge - POINT_FRAMES // 2))
    assert float(low[edge + POINT_FRAMES // 2 :].max()) < 0.003
    assert (low.diff() <= 0).all()


def test_few_bins_sound_the_same_by_a_matrix_product() -> None:
    spectrum = Spectrum(1024, 256)
    piece = torch.randn(2, 9, 7, dtype=torch.complex64)
    piece[..., 0] = piece[..., 0].real + 0j
    whole = spectrum.overlap_add([torch.nn.functional.pad(piece, (0, 506))], 9)
    assert_close(spectrum.overlap_add([piece], 9), whole, atol=1e-5, rtol=0)


def test_weights_from_before_gain_curves_load_and_their_curves_are_flat() -> None:
    torch.manual_seed(0)
    decoder = Decoder(SIZES)
    rows = SIZES.bins * SIZES.channels * SIZES.level1.stride
    # as the trackers of that time were told: of each channel frequencies, attacks, tonality and weights
    told = SIZES.channels * ((SIZES.level1.stride + 2) * SIZES.tracked_bins + SIZES.bands)
    state = decoder.state_dict()
    for name in ("level1.outward.1.weight", "level1.outward.1.bias"):
        state[name] = torch.randn(rows + told, *state[name].shape[1:])
    fresh = Decoder(SIZES)
    fresh.load_state_dict(state)
    spectra = fresh.spectra(fresh.decode_2(torch.randn(1, 6, SIZES.level2.latent)))
    assert spectra.gains is not None
    assert_close(spectra.gains, torch.ones_like(spectra.gains))
    assert_close(fresh.state_dict()["level1.outward.1.bias"][:rows], state["level1.outward.1.bias"][:rows])
