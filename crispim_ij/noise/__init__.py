"""Noise: drawn as cameras do, measured on a stack, and told."""

from crispim_ij.noise.calibrate import (
    Calibration,
    CalibrationSettings,
    calibrate,
    plot_calibration,
    write_camera,
)
from crispim_ij.noise.camera import (
    NO_NOISE,
    UNIT_NOISE,
    CameraNoise,
    CameraRange,
    add_camera_noise,
    camera_as_text,
    parse_noise,
    range_of,
    read_camera,
    read_range,
)
from crispim_ij.noise.light_levels import LightLevel
from crispim_ij.noise.measure import Measurement, channels_of, measure_noise, typical_noise
from crispim_ij.noise.stabilise import expected, restore, stabilise, unit_in_counts
from crispim_ij.noise.stack_noise import MEASURED, NoiseOptions, StackNoise, tell_noise

__all__ = [
    "MEASURED",
    "NO_NOISE",
    "UNIT_NOISE",
    "Calibration",
    "CalibrationSettings",
    "CameraNoise",
    "CameraRange",
    "LightLevel",
    "Measurement",
    "NoiseOptions",
    "StackNoise",
    "add_camera_noise",
    "calibrate",
    "camera_as_text",
    "channels_of",
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
    "typical_noise",
    "unit_in_counts",
    "write_camera",
]
