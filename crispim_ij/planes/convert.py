"""The former place of `pixels.to_dtype`."""

from crispim_ij.planes.pixels import to_dtype

__all__ = ["to_dtype"]
