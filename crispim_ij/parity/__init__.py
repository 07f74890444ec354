"""ImageJ 1.53q's arithmetic in NumPy and numba, bit for bit, without Java."""

from crispim_ij.parity.engine import IMAGEJ_VERSION, Engine, NativeImageJ
from crispim_ij.parity.java_random import INT_MAX, INT_MIN, JavaRandom
from crispim_ij.parity.noise import add_noise
from crispim_ij.parity.resize import PLANE_DTYPES, Interpolation, Plane, resize, resize_part

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
