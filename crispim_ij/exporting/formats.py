"""The formats that a model can be exported to."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from crispim_ij.models import Model


class FormatModule(Protocol):
    """What the module of each format has."""

    def write(self, model: Model, path: Path) -> None:
        """Write a model to exactly that path, which isn't there yet."""

    def predict(self, path: Path, counts: NDArray[np.float32]) -> NDArray[np.float32]:
        """Load what `write` wrote, without Keras, and denoise a plane: (Y, X) of (Y, X).

        For a 3D model: the plane (Y, X) of a mini-stack (depth, Y, X). Counts stand for
        whatever the model's `Units` are.
        """


class Format(StrEnum):
    """A format."""

    CSBDEEP = "csbdeep"
    CSBDEEP_STACK = "csbdeep-stack"
    SAVEDMODEL = "savedmodel"
    ONNX = "onnx"
    BIOIMAGEIO = "bioimageio"

    @property
    def suffix(self) -> str:
        """How the name of a file ends; empty where a folder is written."""
        return _FORMS[self][1]

    def module(self) -> FormatModule:
        """Import what writes and reads it, and its library with it."""
        return cast(FormatModule, import_module(f"{__package__}.{_FORMS[self][0]}"))


_FORMS = {
    Format.CSBDEEP: ("csbdeep", ".zip"),
    Format.CSBDEEP_STACK: ("csbdeep_stack", ".zip"),
    Format.SAVEDMODEL: ("savedmodel", ""),
    Format.ONNX: ("onnx_graph", ".onnx"),
    Format.BIOIMAGEIO: ("bioimageio", ".zip"),
}
"""Module in this room and suffix."""
