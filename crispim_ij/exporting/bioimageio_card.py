"""What the card beside a model says, for bioimage.io: its text and its licence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crispim_ij.errors import CrispimError
from crispim_ij.exporting.bioimageio_description import capitalised, says
from crispim_ij.exporting.units import Units
from crispim_ij.networks import ARCHITECTURES

if TYPE_CHECKING:
    from crispim_ij.models import Model

CARD_FILE = "README.md"

_LICENCE = re.compile(r"^\W*licen[cs]e\W*:\W*([\w.+-]*\w\+?)", re.IGNORECASE | re.MULTILINE)

_SECTIONS = """
## Validation

Denoise planes whose clean form is known, which the model was not trained on, and compare:
`crispim-ij evaluate CLEAN --method noisy --method tv --method MODEL` adds noise to clean planes
and prints PSNR, SSIM and the Pearson correlation of each method.

## Before this package is shared

Exporting left to you what only you know. In `bioimageio.yaml`, fill in `authors` and `maintainers`
(there are none), `license` if it is missing, and `tags` for what your images show. Then run
`bioimageio test` on the package. Its test image and its cover are simulated, not real tissue.
"""


def documentation(model: Model) -> str:
    """Write the package's documentation.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    str
        Markdown: the model's card, or a title and what its architecture is, then how
        to validate it and what is left to the user.
    """
    card = _card(model)
    if not card:
        card = f"# {model.spec.name}\n\n{ARCHITECTURES[model.spec.architecture].summary}.\n"
    return f"{card.rstrip()}\n{_noise_section(model)}{_SECTIONS}"


def _noise_section(model: Model) -> str:
    """Say what goes in and comes out, where the network is told the noise."""
    units = Units.of(model)
    return f"\n## Noise\n\n{capitalised(says(units))}.\n" if units.facts else ""


def licence(model: Model) -> str | None:
    """Find the licence that a model's card names, in a line such as 'License: MIT'.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    str or None
        An SPDX identifier; None if the card names none.

    Raises
    ------
    CrispimError
        If what the card names is no SPDX identifier, or the card can't be read.
    """
    from bioimageio.spec.model.v0_5 import LicenseId

    found = _LICENCE.search(_card(model))
    if found is None:
        return None
    try:
        return str(LicenseId(found[1]))
    except ValueError:
        raise CrispimError(
            f"{model.folder / CARD_FILE} names the licence {found[1]!r}, which bioimage.io doesn't "
            "know: write an SPDX identifier, such as 'License: CC-BY-4.0' (spdx.org/licenses)."
        ) from None


def _card(model: Model) -> str:
    """Text of the card; empty if there is none."""
    path = model.folder / CARD_FILE
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise CrispimError(
            f"{path} can't be read as text in UTF-8 ({error}): save it as such, or remove it."
        ) from error
