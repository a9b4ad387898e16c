"""A VST3 in the user's own chain, built here from a page of source: loaded, set, its tail folded into the loop."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pack_builder.plan.chain import chains_of
from pack_builder.plan.options import BuildOptions
from pack_builder.render.effects import through
from pack_builder.run.build import build
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import Silent, audio_bytes
from tests.pack_builder.pack_stand_in import SOURCE, techno

DPF = Path("/usr/share/dpf/distrho")
HERE = Path(__file__).parents[1] / "vst3"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = tmp_path_factory.mktemp("vst3") / "TestGain.vst3"
    binary = bundle / "Contents" / "x86_64-linux" / "TestGain.so"
    binary.parent.mkdir(parents=True)
    sources = [HERE / "gain.cpp", DPF / "DistrhoPluginMain.cpp"]
    command = [
        "g++",
        "-std=c++14",
        "-O0",
        "-fPIC",
        "-shared",
        f"-I{HERE}",
        f"-I{DPF}",
        "-DDISTRHO_PLUGIN_TARGET_VST3",
        "-DNDEBUG",
        *map(str, sources),
        "-o",
        str(binary),
        "-ldl",
    ]
    subprocess.run(command, check=True, capture_output=True)
    return bundle


@pytest.fixture
def chain(plugin: Path, tmp_path: Path) -> Callable[[str], str]:
    def write(parameters: str) -> str:
        path = tmp_path / "mine.toml"
        path.write_text(f'tail_s = 0.3\n[[effect]]\nuse = "vst3"\npath = "{plugin}"\nparameters = {{ {parameters} }}\n')
        return str(path)

    return write


def test_its_parameter_is_set_and_its_echo_goes_round_the_loop(chain: Callable[[str], str]) -> None:
    [(_, own)] = chains_of(chain("gain_db = -6.0"), ("techno",))
    loop = techno(120, 1)
    heard = through(own, loop, 44100, loops=True)
    wanted = 10 ** (-6 / 20) * (loop + 0.5 * np.roll(loop, 44100 // 4, axis=0))
    np.testing.assert_allclose(heard, wanted, atol=2e-3)


def test_a_pack_through_it_verifies_and_is_the_same_again(
    chain: Callable[[str], str], small: Callable[..., BuildOptions], tmp_path: Path
) -> None:
    values = {"finish": chain("gain_db = 3.0"), "kinds": ("techno",), "takes": "0"}
    first, second = small(**values), small(**values, out=str(tmp_path / "second"), jobs="2")
    for options in (first, second):
        build(options, Silent(), SOURCE)
    assert audio_bytes(first.place.out) == audio_bytes(second.place.out)
    assert not verify(first.place.out, deep=True).differences


def test_a_parameter_that_it_has_not_is_named(chain: Callable[[str], str], small: Callable[..., BuildOptions]) -> None:
    with pytest.raises(ValueError, match=r"has no parameter 'drive', it has .*gain_db"):
        build(small(finish=chain("drive = 1.0")), Silent(), SOURCE)
