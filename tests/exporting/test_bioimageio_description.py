from __future__ import annotations

from pathlib import Path

import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.exporting.bioimageio_description import describe, documentation, licence
from crispim_ij.models import Model, find_model


def with_card(folder: Path, card: str) -> Model:
    (folder / "README.md").write_text(card, encoding="utf-8")
    return Model(folder, find_model("crispim-2d").spec)


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("# m\n\nLicense: MIT\n", "MIT"),
        ("# m\n\nLicence: BSD-3-Clause.\n", "BSD-3-Clause"),
        ("---\nlicense: CC-BY-4.0\n---\n# m\n", "CC-BY-4.0"),
        ("# m\n\n- **License**: `Apache-2.0`\n", "Apache-2.0"),
        ("# m\n\n- **License:** GPL-3.0-or-later, see below\n", "GPL-3.0-or-later"),
        ("# m\n\n| data | licence |\n|---|---|\n| brain | MIT |\n", None),
        ("# m\n\nThe licence is unknown.\n", None),
        ("", None),
    ],
)
def test_licence_of_the_card(tmp_path: Path, card: str, expected: str | None) -> None:
    assert licence(with_card(tmp_path, card)) == expected


def test_no_card_no_licence(tmp_path: Path) -> None:
    assert licence(Model(tmp_path, find_model("crispim-2d").spec)) is None


@pytest.mark.parametrize("found", ["ours", "BSD", "mit"])
def test_unknown_licences_are_refused(tmp_path: Path, found: str) -> None:
    with pytest.raises(CrispimError, match=rf"README.md names the licence '{found}', .*SPDX"):
        licence(with_card(tmp_path, f"License: {found}\n"))


def test_a_card_in_another_encoding_is_refused(tmp_path: Path) -> None:
    model = with_card(tmp_path, "")
    (tmp_path / "README.md").write_bytes("Größe".encode("latin-1"))
    with pytest.raises(CrispimError, match=r"README.md can't be read as text in UTF-8"):
        documentation(model)


def test_documentation_is_the_card_and_what_is_left_to_the_user(tmp_path: Path) -> None:
    text = documentation(with_card(tmp_path, "# mine\n\nMade of planes.\n\n"))
    assert text.startswith("# mine\n\nMade of planes.\n\n## Noise\n")
    assert "\n## Validation\n" in text
    assert "fill in `authors`" in text


def test_documentation_without_a_card(tmp_path: Path) -> None:
    text = documentation(Model(tmp_path, find_model("crispim-2d").spec))
    assert text.startswith(
        "# crispim-2d\n\na residual U-Net that is told the noise: its sd is 1 in what goes in"
    )


def test_odd_names_are_spelled_as_bioimageio_wants() -> None:
    spec = find_model("crispim-2d").spec
    odd = type(spec)(**{**vars(spec), "name": "Hirn/Übersicht: 2"})
    assert describe(odd, None)["name"] == "Hirn__bersicht_ 2 (light-sheet denoiser)"
    assert "license" not in describe(spec, None)
    assert describe(spec, "MIT")["license"] == "MIT"
