from __future__ import annotations

from pathlib import Path
from string import ascii_lowercase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crispim_ij.errors import CrispimError
from crispim_ij.imagej import ImageJGateway
from crispim_ij.imagej.macro_files import find_macro, macro_argument, read_macro, shipped_macros


def test_the_macros_that_ship() -> None:
    assert "CRISPIM_Preprocess.ijm" in [path.name for path in shipped_macros()]


@pytest.mark.parametrize("name", ["CRISPIM_Preprocess", "CRISPIM_Preprocess.ijm"])
def test_a_macro_that_ships_is_found_by_name(name: str) -> None:
    assert find_macro(name) in shipped_macros()


def test_a_file_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "CRISPIM_Preprocess.ijm").touch()
    monkeypatch.chdir(tmp_path)
    assert find_macro("CRISPIM_Preprocess.ijm") == Path("CRISPIM_Preprocess.ijm")


def test_a_macro_that_is_nowhere() -> None:
    with pytest.raises(CrispimError, match=r"'no\.ijm' is neither a file nor .*CRISPIM_Preproc"):
        find_macro("no.ijm")


def test_a_byte_order_mark_is_no_part_of_a_macro(tmp_path: Path) -> None:
    path = tmp_path / "m.ijm"
    path.write_text("x = 'ü';", encoding="utf-8-sig")
    assert read_macro(path) == "x = 'ü';"


@pytest.mark.parametrize("content", [None, b"x = '\xfc';"])
def test_a_macro_that_can_not_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "m.ijm"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CrispimError, match=f"The macro '{path}' can't be read") as caught:
        read_macro(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        (["factor"], "is not KEY=VALUE"),
        (["=4"], "is not KEY=VALUE"),
        (["a b=4"], "is not KEY=VALUE"),
        (["input=a\nfactor=9"], "input has a line break"),
        (["input=a\r"], "input has a line break"),
        (["input=a\u2028b"], "input has a line break"),
        (["input=a\0b"], "input has a line break or a NUL"),
        (["a=1", "a=2"], "a is given twice"),
    ],
)
def test_wrong_arguments(pairs: list[str], says: str) -> None:
    with pytest.raises(CrispimError, match=says):
        macro_argument(pairs)


HARD = [
    "a b",
    '"',
    "'",
    "\\",
    'C:\\new\\t"',
    "[x]",
    "é µ 漢 😀",
    '"); exit("injected"); print("',
    "",
]


@pytest.mark.parametrize("value", HARD)
def test_values_reach_a_macro_as_they_stand(gateway: ImageJGateway, value: str) -> None:
    argument = macro_argument([f"first={value}", "second=2"])
    lines = gateway.run_macro("return getArgument();", argument).split("\n")
    assert lines == [f"first={value}", "second=2"]


@given(st.dictionaries(st.text(ascii_lowercase + "_", min_size=1), st.text()))
@settings(max_examples=40)
def test_an_argument_is_refused_or_can_be_read_back(values: dict[str, str]) -> None:
    try:
        argument = macro_argument([f"{key}={value}" for key, value in values.items()])
    except CrispimError:
        return
    lines = (line.partition("=") for line in argument.split("\n") if line)
    assert {key: value for key, _, value in lines} == values
