"""The Keras architectures, by name, and what can be said of them without running them."""

from crispim_ij.networks.architectures import (
    ARCHITECTURES,
    Architecture,
    build,
    mini_stack,
    neighbours,
)
from crispim_ij.networks.receptive_field import ReceptiveField, receptive_field

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "ReceptiveField",
    "build",
    "mini_stack",
    "neighbours",
    "receptive_field",
]
