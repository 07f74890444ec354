"""Poisson-Gaussian noise: what a camera adds to light, in files and on the command line too."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from crispim_ij.errors import CrispimError

Range = tuple[float, float]

LARGEST = 1e6
"""Largest gain, offset and read noise, in counts."""

SMALLEST_GAIN = 1e-9
"""Smallest gain but 0, in counts a photo-electron: below it Poisson's numbers grow too large."""

_FORM = "camera.json, as `crispim-ij calibrate` writes it, or GAIN:OFFSET:READ such as 0.5:100:3"


def _check(name: str, value: float | str, is_possible: bool) -> None:
    """Raise CrispimError unless a camera can have a value."""
    allowed = {
        "gain": f"0, or from {SMALLEST_GAIN:g} to {LARGEST:g} counts a photo-electron",
        "offset": f"from {-LARGEST:g} to {LARGEST:g} counts",
        "read_noise": f"from 0 to {LARGEST:g} counts",
    }
    if not is_possible or (isinstance(value, float) and not math.isfinite(value)):
        raise CrispimError(
            f"A camera's {name} can't be {value} (--camera, --noise or a recipe's camera): give "
            f"{allowed[name]}, of two numbers the smaller first."
        )


@dataclass(frozen=True)
class CameraNoise:
    r"""A camera's noise, Poisson-Gaussian [1]_.

    A pixel whose clean value is :math:`c` counts becomes

    .. math:: o + g \, \mathrm{Poisson}((c - o) / g) + \mathrm{Normal}(0, r)

    with gain :math:`g`, offset :math:`o` and read noise :math:`r`. Its mean is :math:`c`
    and its variance :math:`g (c - o) + r^2`.

    Attributes
    ----------
    gain : float
        Counts a photo-electron. 0 leaves Gaussian noise alone.
    offset : float
        Counts without light.
    read_noise : float
        Standard deviation in counts without light.

    Raises
    ------
    CrispimError
        If a value is none that a camera can have.

    References
    ----------
    .. [1] A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, "Practical Poissonian-Gaussian
       noise modeling and fitting for single-image raw-data", IEEE Transactions on Image
       Processing 17 (2008) 1737-1754, doi:10.1109/TIP.2008.2001399
    """

    gain: float
    offset: float
    read_noise: float

    def __post_init__(self) -> None:
        _check("gain", self.gain, self.gain == 0 or SMALLEST_GAIN <= self.gain <= LARGEST)
        _check("offset", self.offset, abs(self.offset) <= LARGEST)
        _check("read_noise", self.read_noise, 0 <= self.read_noise <= LARGEST)

    def variance(self, clean: NDArray[Any]) -> NDArray[np.float64]:
        """Return the noise's variance, in counts squared, where clean counts are as given."""
        light = np.maximum(np.asarray(clean, np.float64) - self.offset, 0)
        return np.asarray(self.gain * light + self.read_noise**2)

    @property
    def is_none(self) -> bool:
        """Whether there is no noise at all."""
        return self.gain == 0 and self.read_noise == 0

    def scaled(self, factor: float) -> CameraNoise:
        """Return noise that is stronger by a factor at every light."""
        return CameraNoise(self.gain * factor**2, self.offset, self.read_noise * factor)


NO_NOISE = CameraNoise(0, 0, 0)
"""The noise of planes that have none, or none that can be told from structure."""

UNIT_NOISE = CameraNoise(0, 0, 1)
"""The noise of stabilised values."""


@dataclass(frozen=True)
class CameraRange:
    """Cameras of which one is drawn for each patch that is trained on.

    Attributes
    ----------
    gain, offset, read_noise : tuple of float
        Smallest and largest of `CameraNoise`'s values, drawn uniformly; equal for one
        camera.

    Raises
    ------
    CrispimError
        If a camera can't have them, or the larger comes first.
    """

    gain: Range
    offset: Range
    read_noise: Range

    def __post_init__(self) -> None:
        for field in fields(self):
            low, high = getattr(self, field.name)
            _check(field.name, f"{low:g}:{high:g}", low <= high)
        for values in zip(self.gain, self.offset, self.read_noise, strict=True):
            CameraNoise(*values)
        _check("gain", "{:g}:{:g}".format(*self.gain), self.gain[0] > 0 or self.gain[1] == 0)

    def draw(self, rng: np.random.Generator) -> CameraNoise:
        """Draw a camera."""
        gain, offset, read_noise = (
            float(rng.uniform(*ends)) for ends in (self.gain, self.offset, self.read_noise)
        )
        return CameraNoise(gain, offset, read_noise)


def range_of(camera: CameraNoise) -> CameraRange:
    """Return the range that holds one camera alone."""
    return CameraRange(*((value, value) for value in vars(camera).values()))


def read_range(table: Mapping[str, Any]) -> CameraRange | None:
    """Read a recipe's table of gain, offset and read_noise, each a number or two of them.

    None where it has other keys, or values that are no numbers.
    """
    names = [field.name for field in fields(CameraRange)]
    if set(table) != set(names):
        return None
    pairs = [_pair(table[name]) for name in names]
    ranges = [pair for pair in pairs if pair is not None]
    return CameraRange(*ranges) if len(ranges) == len(names) else None


def add_camera_noise(
    clean: NDArray[Any],
    camera: CameraNoise,
    rng: np.random.Generator,
    dtype: DTypeLike | None = None,
) -> NDArray[np.float64]:
    """Picture a clean plane as a camera would.

    Where the clean plane lies below the offset, which light can't do, there is read noise
    alone. So the mean is the clean value everywhere, but for clipping.

    Parameters
    ----------
    clean : ndarray
        Counts.
    camera : CameraNoise
        Its noise.
    rng : numpy.random.Generator
        Where chance comes from.
    dtype : numpy dtype, optional
        The pixel type whose range the result is clipped to, by default that of `clean`;
        a floating type has no limits.

    Returns
    -------
    ndarray of float64, shape of `clean`
        Noisy counts, not rounded.
    """
    noisy = np.asarray(clean, np.float64)
    if camera.gain:
        electrons = np.maximum(noisy - camera.offset, 0) / camera.gain
        noisy = noisy + camera.gain * (rng.poisson(electrons) - electrons)
    noisy = noisy + rng.normal(0, camera.read_noise, noisy.shape)
    wanted = np.dtype(clean.dtype if dtype is None else dtype)
    if wanted.kind == "f":
        return noisy
    limits = np.iinfo(wanted)
    return np.clip(noisy, limits.min, limits.max)


def _pair(value: Any) -> Range | None:
    """Return one number twice, and two numbers as they are."""
    pair = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    is_range = len(pair) == 2 and all(map(_is_number, pair))
    return (float(pair[0]), float(pair[1])) if is_range else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def read_camera(text: str) -> CameraNoise:
    """Read a camera: ``GAIN:OFFSET:READ`` in counts, or a file that `write_camera` wrote.

    CrispimError if it is neither, or no camera can have such values.
    """
    numbers = _numbers(text)
    if len(numbers) == 3:
        return CameraNoise(*numbers)
    path = Path(text)
    if numbers or not path.is_file():
        raise CrispimError(f"The camera {text!r} (--camera) is not there: give {_FORM}.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _no_camera(path, repr(error)) from error
    camera = content.get("camera") if isinstance(content, dict) else None
    table: dict[str, Any] = camera if isinstance(camera, dict) else {}
    values: list[Any] = [table.get(field.name) for field in fields(CameraNoise)]
    if not all(map(_is_number, values)):
        raise _no_camera(path, "it has no gain, offset and read_noise")
    return CameraNoise(*(float(value) for value in values))


def _no_camera(path: Path, why: str) -> CrispimError:
    return CrispimError(f"'{path}' (--camera) can't be read as a camera ({why}): give {_FORM}.")


def parse_noise(text: str) -> CameraNoise | None:
    """Read the noise that a user tells of, in counts: an sd or ``GAIN:OFFSET:READ_NOISE``.

    None for ``auto``, which is to be measured. CrispimError if it is none of these, or no camera
    can have such values.
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


def _numbers(text: str) -> list[float]:
    """Return the numbers between colons, or none where anything else is there."""
    try:
        return [float(part) for part in text.split(":")]
    except ValueError:
        return []
