"""The noise of cameras: simulated, and measured on their own pictures."""

from crispim_ij.camera.calibrate import Calibration, CalibrationSettings, calibrate
from crispim_ij.camera.camera_file import camera_as_text, read_camera, write_camera
from crispim_ij.camera.model import (
    CameraNoise,
    CameraRange,
    add_camera_noise,
    range_of,
    read_range,
)
from crispim_ij.camera.plot import plot_calibration

__all__ = [
    "Calibration",
    "CalibrationSettings",
    "CameraNoise",
    "CameraRange",
    "add_camera_noise",
    "calibrate",
    "camera_as_text",
    "plot_calibration",
    "range_of",
    "read_camera",
    "read_range",
    "write_camera",
]
