"""Cameras in files and on the command line."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from crispim_ij import __version__
from crispim_ij.errors import CrispimError
from crispim_ij.noise.model import CameraNoise
from crispim_ij.planes.atomic import whole_file

if TYPE_CHECKING:
    from crispim_ij.noise.calibrate import Calibration

_FORM = "camera.json, as `crispim-ij calibrate` writes it, or GAIN:OFFSET:READ such as 0.5:100:3"


def read_camera(text: str) -> CameraNoise:
    """Read a camera.

    Parameters
    ----------
    text : str
        ``GAIN:OFFSET:READ`` in counts, or a file that `write_camera` wrote.

    Returns
    -------
    CameraNoise
        The camera.

    Raises
    ------
    CrispimError
        If it is neither, or no camera can have such values.
    """
    numbers = _numbers(text)
    if len(numbers) == 3:
        return CameraNoise(*numbers)
    path = Path(text)
    if numbers or not path.is_file():
        raise CrispimError(f"The camera {text!r} (--camera) is not there: give {_FORM}.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))["camera"]
        values = [float(content[key]) for key in ("gain", "offset", "read_noise")]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise CrispimError(
            f"'{path}' (--camera) can't be read as a camera ({error!r}): give {_FORM}."
        ) from error
    return CameraNoise(*values)


def parse_noise(text: str) -> CameraNoise | None:
    """Read the noise that a user tells of.

    Parameters
    ----------
    text : str
        ``auto``, a standard deviation or ``GAIN:OFFSET:READ_NOISE``, in counts.

    Returns
    -------
    CameraNoise or None
        The noise; None for ``auto``, which is to be measured.

    Raises
    ------
    CrispimError
        If it is none of these, or no camera can have such values.
    """
    if text.strip().lower() == "auto":
        return None
    numbers = _numbers(text)
    if len(numbers) == 1 and numbers[0] > 0:
        return CameraNoise(0, 0, numbers[0])
    if len(numbers) != 3:
        raise CrispimError(
            f"The noise {text!r} (--noise) can't be read: give auto to have it measured, its "
            "standard deviation in counts such as 35, or GAIN:OFFSET:READ_NOISE as in 2.1:100:9.8."
        )
    return CameraNoise(*numbers)


def camera_as_text(camera: CameraNoise) -> str:
    """Write a camera as GAIN:OFFSET:READ, to the last bit."""
    return f"{camera.gain!r}:{camera.offset!r}:{camera.read_noise!r}"


def write_camera(calibration: Calibration, measured: Path, path: Path) -> None:
    """Write a camera and how it was measured, as JSON.

    Parameters
    ----------
    calibration : Calibration
        What was measured.
    measured : Path
        The stack that it was measured on.
    path : Path
        The file, replaced at once or not at all.
    """
    content = {
        "crispim_ij": __version__,
        "camera": asdict(calibration.camera),
        "measured": {
            "input": str(measured),
            "planes": calibration.planes,
            "model": calibration.model,
            "offset_given": calibration.offset_given,
            "residual": calibration.residual,
            "neighbours": {"down": calibration.down, "right": calibration.right},
            "left_out": calibration.left_out,
            "levels": [asdict(level) for level in calibration.levels],
        },
    }
    with whole_file(path) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _numbers(text: str) -> list[float]:
    """Return the numbers between colons, or none where anything else is there."""
    try:
        return [float(part) for part in text.split(":")]
    except ValueError:
        return []
