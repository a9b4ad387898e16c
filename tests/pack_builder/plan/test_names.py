"""Names: unique, legal, and right for the parsers of hosts and shops."""

import re
from fractions import Fraction
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.sound.labels import tempo_in_file_name
from pack_builder.plan.jobs import file_of, jobs_of
from pack_builder.plan.names import (
    check_name,
    decimal,
    file_stem,
    name_of_folder,
    tempo_folder,
    tempo_in_name,
    word_names,
    words,
)
from pack_builder.plan.options import BuildOptions


def test_the_word_list_is_lower_case_ascii_and_without_doubles() -> None:
    assert len(words()) > 300
    assert len(set(words())) == len(words())
    assert all(re.fullmatch("[a-z]{2,12}", word) for word in words())


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_names_of_a_pack_differ(seed: int) -> None:
    names = list(islice(word_names(seed), 1000))
    assert len(set(names)) == 1000
    assert all(re.fullmatch("[a-z_]+", name) for name in names)
    assert sorted(names[: len(words())]) == sorted(words())  # every word by itself before any pair


def test_there_are_names_for_very_large_packs() -> None:
    assert len(set(islice(word_names(7), 150_000))) == 150_000


def test_names_depend_on_the_seed() -> None:
    assert list(islice(word_names(1), 10)) != list(islice(word_names(2), 10))
    assert list(islice(word_names(1), 10)) == list(islice(word_names(1), 10))


@settings(deadline=None)
@given(st.fractions(60, 200, max_denominator=1000), st.sampled_from(["default", "splice"]))
def test_the_tempo_in_a_name_is_the_exact_one(bpm: Fraction, naming: str) -> None:
    stem = file_stem(naming, "loop", label="MSK", pack="First", kind="techno", name="cobalt", bpm=bpm, density="")
    number = tempo_in_name(bpm)
    assert float(number.replace("p", ".")) == pytest.approx(float(bpm), abs=5e-7)
    assert stem == f"MSK_First_{number}{'bpm' if naming == 'default' else ''}_techno_loop_cobalt"
    if naming == "default":
        assert tempo_in_file_name(f"{stem}.wav") == float(number.replace("p", "."))
    # what Audacity finds in a name: the tempo, or nothing
    found = re.search(r"(?:^|[_\-\s./\\])(\d+)[_\-\s.]?bpm(?:[_\-\s.]|$)", stem)
    assert [int(found[1])] == [bpm] if naming == "default" and bpm.denominator == 1 else found is None


@pytest.mark.parametrize(
    ("bpm", "folder"), [("130", "130bpm"), ("128.5", "128p5bpm"), ("99.125", "99p125bpm"), ("60", "60bpm")]
)
def test_folders_tell_fractional_tempi_apart(bpm: str, folder: str) -> None:
    assert tempo_folder(Fraction(bpm)) == folder


def test_decimals_are_short() -> None:
    assert [decimal(Fraction(text)) for text in ("120", "0.1", "128.25")] == ["120", "0.1", "128.25"]


@pytest.mark.parametrize("value", ["MSK", "Deep-House", "C#", "a_b", "Label2"])
def test_good_names_pass(value: str) -> None:
    assert check_name("--label", value, "default") == value


@pytest.mark.parametrize("value", ["", "a b", "a/b", "..", "-a", "ä", "x" * 33, "a.b", "a\n", "My_130bpm", "A-128"])
def test_bad_names_are_refused_with_the_allowed_letters(value: str) -> None:
    with pytest.raises(ValueError, match=r"^--name: .*, must "):
        check_name("--name", value, "default")


def test_digits_are_the_tempo_alone_with_splice_naming() -> None:
    with pytest.raises(ValueError, match="no digits"):
        check_name("--name", "Volume2", "splice")


@pytest.mark.parametrize(
    ("folder", "naming", "name"),
    [
        ("packs/first", "default", "First"),
        ("packs/deep-dub", "default", "Deep-dub"),
        ("my pack (2)", "default", "My_pack_2"),
        ("MSK_-_Night_Set_-_WAV", "default", "Night_Set"),
        ("Näcke & Söhne", "default", "N_cke_S_hne"),
        ("loops_128bpm_b", "default", "Loops_b"),
        ("128", "default", "First"),
        ("130bpm", "default", "First"),
        ("...", "default", "First"),
        ("x" * 99, "default", "X" + "x" * 31),
        ("set7", "splice", "Set"),
        ("77", "splice", "First"),
        ("日本", "default", "First"),
    ],
)
def test_a_pack_is_called_after_its_folder(folder: str, naming: str, name: str) -> None:
    assert name_of_folder(Path(folder), naming, "MSK") == name
    assert BuildOptions.parse(out=folder, naming=naming).label.name == name
    assert BuildOptions.parse(out=folder, naming=naming, name="Own").label.name == "Own"


@given(st.text(max_size=60), st.sampled_from(["default", "splice"]))
def test_any_folder_gives_a_name_that_may_stand_in_files(folder: str, naming: str) -> None:
    assert check_name("--name", name_of_folder(Path("/" + folder.replace("\0", "")), naming), naming)


def test_two_packs_share_no_file_name(tmp_path: Path) -> None:
    packs = (BuildOptions.parse(out=str(tmp_path / name), seed=seed) for name, seed in (("one", "1"), ("two", "2")))
    first, second = ({Path(file_of(job, options)).name for job in jobs_of(options.music)} for options in packs)
    assert not first & second
    assert BuildOptions.parse().label.name == "First"
    assert BuildOptions.parse().place.out == Path("MSK_-_First_-_WAV")
