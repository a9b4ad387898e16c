"""Networks multiply in their own precision; what is around them does not, and the probe chooses."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from musika_daw.instrument import probe
from musika_daw.instrument.models import TINY, TINY_EARS, ModelConfig, build_decoder, build_encoder
from musika_daw.instrument.models.generator import build_generator
from musika_daw.instrument.models.precision import Network, in_own_precision, set_precision, store_in_precision


class Pair(Network):
    """A product, and a product within; notes what its products give."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.kinds: list[torch.dtype] = []

    @in_own_precision
    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor], Tensor, int]:
        out = self.linear(x)
        self.kinds.append(out.dtype)
        return out, [out], torch.arange(3), 7


@pytest.mark.parametrize("precision", [None, torch.bfloat16])
def test_products_are_in_the_precision_told_and_results_in_float32(precision: torch.dtype | None) -> None:
    holder = nn.ModuleList([nn.Sequential(Pair())])
    set_precision([holder], precision)
    (network,) = (each for each in holder.modules() if isinstance(each, Pair))
    out, (inner,), whole, seven = network(torch.randn(2, 4))
    assert network.kinds == [precision or torch.float32]
    assert (out.dtype, inner.dtype, whole.dtype, seven) == (torch.float32, torch.float32, torch.int64, 7)
    assert network.linear(torch.randn(2, 4)).dtype == torch.float32, "what is outside of its forward"
    assert network.linear.weight.dtype == torch.float32


def test_a_network_has_full_precision_until_it_is_told() -> None:
    assert Pair().precision is None
    told, other = Pair(), Pair()
    set_precision([told], torch.bfloat16)
    assert (told.precision, other.precision, Network.precision) == (torch.bfloat16, None, None)


def close(made: Tensor, exact: Tensor) -> float:
    return float(20 * torch.log10((made - exact).square().mean().sqrt() / exact.square().mean().sqrt()))


@pytest.mark.parametrize("config", [TINY, TINY_EARS])
def test_every_network_obeys(config: ModelConfig) -> None:
    torch.manual_seed(3)
    encoder, decoder = build_encoder(config.autoencoder).eval(), build_decoder(config.autoencoder).eval()
    generator = build_generator(config.generator).eval()
    wave = 0.1 * torch.randn(1, 2, 2 * encoder.context + 8 * config.autoencoder.r_time)
    sizes, frames = config.generator, 16
    told = torch.randn(1, frames, sizes.coordinate), torch.randn(1, sizes.style), torch.rand(1, frames, sizes.told)
    with torch.inference_mode():
        exact = encoder(wave), decoder.decode_2(encoder(wave)), generator(*told)
        set_precision([encoder, decoder, generator], torch.bfloat16)
        made = encoder(wave), decoder.decode_2(exact[0]), generator(*told)
    for one, other in zip(made, exact):
        assert one.dtype == torch.float32
        assert -70 < close(one, other) < -30, "rounded to eight bits, and no more than that"


def test_what_was_asked_goes_before_what_is_said_and_found(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"32": None, "bf16": torch.bfloat16}
    assert probe.chosen() == found[probe.probed().precision]
    for name, precision in found.items():
        monkeypatch.setenv(probe.VARIABLE, name)
        assert probe.chosen() == precision
        assert [probe.chosen(asked) for asked in found] == [None, torch.bfloat16]
    monkeypatch.delenv(probe.VARIABLE)
    assert probe.chosen(device=torch.device("cuda", 0)) is None


def test_what_is_no_precision_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"^precision: '16', must be one of auto, 32, bf16$"):
        probe.chosen("16")
    monkeypatch.setenv(probe.VARIABLE, "fp8")
    with pytest.raises(ValueError, match=r"^MUSIKA_PRECISION: 'fp8', must be one of auto, 32, bf16$"):
        probe.chosen()


@pytest.mark.parametrize(("rate", "precision"), [(0.0, "32"), (110.0, "32"), (480.0, "bf16")])
def test_the_faster_precision_is_one_that_is_worth_it(rate: float, precision: str) -> None:
    found = probe.Probed(("avx512_bf16",), 100.0, rate)
    assert found.precision == precision
    assert str(found).endswith(f": {precision}")
    assert ("in bf16" in str(found)) == bool(rate)


def test_an_engine_s_precision_is_never_a_matter_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(probe.VARIABLE, raising=False)
    monkeypatch.setattr(probe, "probed", lambda: pytest.fail("was timed"))
    native = bool({"avx512_bf16", "amx_bf16", "bf16"} & set(probe._features()))
    found = probe.for_rendering()
    assert found is None or native
    assert probe.for_rendering("32") is None
    monkeypatch.setenv(probe.VARIABLE, "32")
    assert probe.for_rendering() is None, "as the variable says"
    if found is not None:
        assert probe.for_rendering("bf16") == found, "and a pack before the variable"
    monkeypatch.setattr(probe, "_multiplies_bf16", lambda: False)
    assert probe.for_rendering("bf16") is None, "a pack of a machine that has it, on one that has not"


def test_stored_weights_multiply_as_those_that_are_rounded_with_every_call() -> None:
    torch.manual_seed(3)
    sizes = TINY.generator
    told = torch.randn(1, 16, sizes.coordinate), torch.randn(1, sizes.style), torch.rand(1, 16, sizes.told)
    generator = build_generator(sizes).eval()
    with torch.inference_mode():
        set_precision([generator], torch.bfloat16)
        by_call = generator(*told)
        store_in_precision([generator], torch.bfloat16)
        assert torch.equal(generator(*told), by_call)
    kinds = {layer.weight.dtype for layer in generator.modules() if isinstance(layer, nn.Linear | nn.Conv1d)}
    assert kinds == {torch.bfloat16}


def test_the_probe_is_asked_once_and_leaves_threads_as_they_are() -> None:
    probe.probed.cache_clear()
    threads = torch.get_num_threads()
    found = probe.probed()
    assert probe.probed() is found
    assert found.rate_32 > 0
    assert torch.get_num_threads() == threads
