"""Denoise light-sheet stacks: from the command line, from Fiji, or from Python.

See `crispim_ij.api` for what Python programs and notebooks call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from crispim_ij.api import adapt, denoise, evaluate, load_model, preprocess, train

__all__ = ["__version__", "adapt", "denoise", "evaluate", "load_model", "preprocess", "train"]


def __getattr__(name: str) -> Any:
    """Import the API when it is first asked for, so that the package itself loads at once."""
    if name in __all__:
        from crispim_ij import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Name what there is, for completion."""
    return sorted({*globals(), *__all__})
