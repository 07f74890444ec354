"""ImageJ 1.53q's arithmetic in NumPy and numba, bit for bit, without Java."""

from crispim_ij.parity.binner import BinMethod, bin_plane
from crispim_ij.parity.engine import Engine
from crispim_ij.parity.java_random import JavaRandom
from crispim_ij.parity.native import IMAGEJ_VERSION, NativeImageJ
from crispim_ij.parity.noise import add_noise
from crispim_ij.parity.resize import resize, resize_part, scaled_size
from crispim_ij.parity.types import INT_MAX, INT_MIN, PLANE_DTYPES, Interpolation, Plane

__all__ = [
    "IMAGEJ_VERSION",
    "INT_MAX",
    "INT_MIN",
    "PLANE_DTYPES",
    "BinMethod",
    "Engine",
    "Interpolation",
    "JavaRandom",
    "NativeImageJ",
    "Plane",
    "add_noise",
    "bin_plane",
    "resize",
    "resize_part",
    "scaled_size",
]
