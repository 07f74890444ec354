"""Planes to downsampled, noisy planes, as the paper prepared its training images in ImageJ."""

from crispim_ij.preprocessing.check import Case, Difference, cases_of, compare, hard_cases
from crispim_ij.preprocessing.noise_plan import PlaneNoise, plan_noise, plane_noise
from crispim_ij.preprocessing.record import record_path, write_record
from crispim_ij.preprocessing.settings import PreprocessSettings, target_size
from crispim_ij.preprocessing.stack import preprocess

__all__ = [
    "Case",
    "Difference",
    "PlaneNoise",
    "PreprocessSettings",
    "cases_of",
    "compare",
    "hard_cases",
    "plan_noise",
    "plane_noise",
    "preprocess",
    "record_path",
    "target_size",
    "write_record",
]
