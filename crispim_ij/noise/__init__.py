"""Noise: drawn as cameras do, measured on a stack, and told."""

from crispim_ij.noise.calibrate import Calibration, CalibrationSettings, calibrate
from crispim_ij.noise.camera_file import (
    camera_as_text,
    parse_noise,
    read_camera,
    write_camera,
)
from crispim_ij.noise.levels import Level
from crispim_ij.noise.measure import Measurement, measure_noise
from crispim_ij.noise.model import (
    NO_NOISE,
    CameraNoise,
    CameraRange,
    add_camera_noise,
    range_of,
    read_range,
)
from crispim_ij.noise.plot import plot_calibration
from crispim_ij.noise.stabilise import expected, restore, stabilise, unit_in_counts
from crispim_ij.noise.told import MEASURED, NoiseOptions, StackNoise, tell_noise

__all__ = [
    "MEASURED",
    "NO_NOISE",
    "Calibration",
    "CalibrationSettings",
    "CameraNoise",
    "CameraRange",
    "Level",
    "Measurement",
    "NoiseOptions",
    "StackNoise",
    "add_camera_noise",
    "calibrate",
    "camera_as_text",
    "expected",
    "measure_noise",
    "parse_noise",
    "plot_calibration",
    "range_of",
    "read_camera",
    "read_range",
    "restore",
    "stabilise",
    "tell_noise",
    "unit_in_counts",
    "write_camera",
]
