"""Options that several commands have, read in one way."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from crispim_ij.errors import CrispimError
from crispim_ij.planes import Compression

Input = Annotated[
    Path, typer.Argument(metavar="INPUT", help="Folder of TIFF planes, or a TIFF stack.")
]
Packing = Annotated[Compression, typer.Option(help="Compression of the files written.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there.")]

FijiHome = Annotated[
    str | None,
    typer.Option(
        envvar="CRISPIM_FIJI",
        metavar="PATH|ENDPOINT",
        help="Folder of your own Fiji, or a Maven endpoint such as sc.fiji:fiji, to use "
        "instead of the embedded ImageJ.",
    ),
]
Heap = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Largest Java heap, such as 2g or 512m; by default a quarter of the memory.",
    ),
]


class PrecisionName(str, Enum):
    """Arithmetic that can be chosen."""

    float32 = "float32"
    bfloat16 = "bfloat16"


def parse_noise_sd(text: str) -> tuple[float, float]:
    """Read ``30`` or ``30:40``.

    Parameters
    ----------
    text : str
        One standard deviation, or the lowest and the highest, in counts.

    Returns
    -------
    tuple of float
        Lowest and highest.

    Raises
    ------
    CrispimError
        If the text is neither.
    """
    parts = text.split(":")
    try:
        values = [float(part) for part in parts]
    except ValueError:
        values = []
    if len(values) not in (1, 2):
        raise CrispimError(
            f"The noise {text!r} (--noise-sd) is neither a number nor a range: write for example "
            "30 or 30:40."
        )
    return values[0], values[-1]
