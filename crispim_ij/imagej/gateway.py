"""What the rest of the project asks of ImageJ, whichever engine answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from crispim_ij.errors import CrispimError
from crispim_ij.parity import Engine


@dataclass(frozen=True)
class GatewaySettings:
    """Which ImageJ to start.

    Attributes
    ----------
    fiji_home : str, optional
        Folder of a Fiji or ImageJ2, or a Maven endpoint such as
        ``sc.fiji:fiji``. The embedded ImageJ 1.53q where it is not given.
    heap : str, optional
        Largest Java heap as Java writes it, for example ``2g`` or ``512m``.
        Java's own default (a quarter of the memory) where it is not given.

    Raises
    ------
    CrispimError
        If `heap` is not a size.
    """

    fiji_home: str | None = None
    heap: str | None = None

    def __post_init__(self) -> None:
        if self.heap is not None and not re.fullmatch(r"[1-9][0-9]*[kKmMgGtT]", self.heap):
            raise CrispimError(
                f"The heap size {self.heap!r} (--heap) is not a number with k, m, g or t after it: "
                "write for example 2g or 512m."
            )


class ImageJGateway(Engine, Protocol):
    """A running ImageJ.

    Calls from several threads are allowed; `noise` and `run_macro` each run one
    at a time, because ImageJ keeps its noise generator and its macro
    interpreter in static fields.
    """

    def run_macro(self, macro: str, argument: str = "") -> str:
        """Run a macro in ImageJ's macro language.

        Parameters
        ----------
        macro : str
            The macro's text.
        argument : str
            What the macro reads with ``getArgument()``.

        Returns
        -------
        str
            What the macro returns, or ``''``.

        Raises
        ------
        CrispimError
            If the macro does not reach its end, or ImageJ reports an error on
            the way.
        """
        ...
