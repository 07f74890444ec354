"""Planes to downsampled, noisy planes, as the paper prepared its training images in ImageJ."""

from crispim_ij.preprocessing.check import Case, Difference, cases_of, compare, hard_cases
from crispim_ij.preprocessing.plane import (
    PlaneNoise,
    PreprocessSettings,
    add_noise,
    downsample,
    plan_noise,
    plane_noise,
    target_size,
)
from crispim_ij.preprocessing.record import record_path, write_record

__all__ = [
    "Case",
    "Difference",
    "PlaneNoise",
    "PreprocessSettings",
    "add_noise",
    "cases_of",
    "compare",
    "downsample",
    "hard_cases",
    "plan_noise",
    "plane_noise",
    "record_path",
    "target_size",
    "write_record",
]
