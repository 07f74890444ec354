"""ImageJ 1.53q's arithmetic in NumPy and numba, bit for bit, without Java."""

from crispim_ij.parity.engine import IMAGEJ_VERSION, Engine, NativeImageJ
from crispim_ij.parity.java_random import JavaRandom
from crispim_ij.parity.noise import add_noise
from crispim_ij.parity.resize import resize, resize_part
from crispim_ij.parity.types import INT_MAX, INT_MIN, PLANE_DTYPES, Interpolation, Plane

__all__ = [
    "IMAGEJ_VERSION",
    "INT_MAX",
    "INT_MIN",
    "PLANE_DTYPES",
    "Engine",
    "Interpolation",
    "JavaRandom",
    "NativeImageJ",
    "Plane",
    "add_noise",
    "resize",
    "resize_part",
]
