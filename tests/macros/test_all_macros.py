"""What holds of every macro."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.macros.conftest import MACROS

FILES = sorted(MACROS.glob("*.ijm"))
WITH_OPTIONS = [path for path in FILES if path.stem != "CRISPIM_Toolset"]
names = pytest.mark.parametrize("path", WITH_OPTIONS, ids=lambda path: path.stem)


def shared_parts(path: Path) -> dict[str, str]:
    """The parts that several macros have, since macros can't include one another."""
    parts = re.split(r"^(// ---- .* ----)$", path.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


def test_shared_parts_are_the_same_everywhere() -> None:
    found: dict[str, set[str]] = {}
    for path in WITH_OPTIONS:
        for title, text in shared_parts(path).items():
            found.setdefault(title, set()).add(text)
    assert len(found) == 3
    assert all(len(texts) == 1 for texts in found.values())


@pytest.mark.parametrize("path", [*FILES, *MACROS.glob("*.groovy")], ids=lambda path: path.stem)
def test_letters_and_header(path: Path) -> None:
    # ImageJ reads macro files as Latin-1, ImageJ2 as UTF-8.
    assert path.read_bytes().isascii()
    header = path.read_text().partition("\n\n")[0]
    assert all(line.startswith("//") for line in header.splitlines())
    assert "\n// Needs " in header


@names
def test_the_header_tells_every_option_and_its_default(path: Path) -> None:
    text = path.read_text()
    keys, values = (
        re.findall(r'"(.*?)"', re.search(rf"^{word} = newArray\((.*?)\);", text, re.M | re.S)[1])  # type: ignore[index]
        for word in ("keys", "values")
    )
    assert len(keys) == len(values)
    told = dict(re.findall(r"^//   (\w+)=(\S*)\s", text, re.MULTILINE))
    assert told == dict(zip(keys, values, strict=True))


@names
def test_a_dialog_with_help_for_every_option(path: Path) -> None:
    text = path.read_text()
    # ImageJ's key is all before the first blank, be it a comma.
    labels = re.findall(r'(?:Dialog\.add(?!Help)\w+|addPath)\("([^ "]+)', text)
    keys = re.findall(r'"(\w+)"', re.search(r"^keys = newArray\((.*?)\);", text, re.M | re.S)[1])  # type: ignore[index]
    asked = {label.lower() for label in labels} - {"models"}
    # A table that is asked for by hand stays on the screen.
    assert asked == set(keys) - ({"output"} if path.stem == "CRISPIM_Compare" else set())
    assert text.count("Dialog.addHelp(") == 1


@names
def test_nothing_is_returned_where_it_is_run_by_hand(path: Path) -> None:
    """Fiji would show it as a table."""
    main = path.read_text().partition("\nfunction ")[0]
    returns = re.findall(r"^(.*)\n(\s*)return said;", main, re.MULTILINE)
    assert returns == [('if (getArgument() != "")', "    ")]
    assert not re.search(r"^\s*return (?!said;)", main, re.MULTILINE)
    assert "showStatus(said);" in main


@names
def test_nothing_that_is_recorded_changes_imagejs_options(path: Path) -> None:
    """What a macro sets is recorded, and would be set for good where that is run again."""
    assert "setOption(" not in path.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_another_function_returns_is_not_returned_at_once(path: Path) -> None:
    """ImageJ would take it for a number, and stop where it is text."""
    text = path.read_text()
    own = "|".join(re.findall(r"^function (\w+)", text, re.MULTILINE))
    assert not re.search(rf"return ({own})\(", text)
