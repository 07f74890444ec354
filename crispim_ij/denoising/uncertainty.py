r"""Where not to trust a denoised plane.

The error that is expected of a pixel is

.. math:: \sqrt{(a\,v)^2 + (b\,r)^2}

with v the spread of four results, of the plane turned by 0, 90, 180 and 270 degrees, and r what
the network took away as noise; both are root mean squares around the pixel. A network
that is sure gives the same result however the plane is turned, but the spread alone is several
times too small, and where there is nothing to be unsure of some noise is left all the same. The
factors a and b are a model's own, measured against clean planes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.denoising.denoiser import Denoiser, DenoiseSettings
from crispim_ij.denoising.tiles import TileGrid
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model
from crispim_ij.networks import ReceptiveField
from crispim_ij.noise import CameraNoise, unit_in_counts
from crispim_ij.planes.atomic import whole_file

ERROR_FILE = "uncertainty.json"
ROTATIONS = 4

SPREAD_WINDOW = 5
RESIDUE_WINDOW = 17
"""Sides, in px, of the windows that v and r are taken over."""

_MOST_BYTES = 2**20
_FACTORS = ("spread", "residue")
_NEEDED = {*_FACTORS, "sha256"}


@dataclass(frozen=True)
class ErrorModel:
    """How a model's errors follow from what can be seen without a clean plane.

    Attributes
    ----------
    spread, residue : float
        The factors a and b above.
    sha256 : str
        Hash of the weights that they were measured for.
    measured_on : dict
        Clean planes and noise, JSON-ready.
    """

    spread: float
    residue: float
    sha256: str
    measured_on: dict[str, Any] = field(default_factory=dict)

    def error(self, spread: NDArray[Any], residue: NDArray[Any]) -> NDArray[np.float32]:
        """Return the expected error in counts, of arrays of v and r in counts."""
        return np.asarray(np.hypot(self.spread * spread, self.residue * residue), np.float32)

    def write(self, folder: Path) -> None:
        """Write it into a model's folder."""
        text = json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False)
        with whole_file(folder / ERROR_FILE) as part:
            part.write_text(text + "\n", encoding="utf-8")


def load_error_model(model: Model) -> ErrorModel:
    """Read what was measured of a model's errors from its folder.

    CrispimError if there is nothing, nothing that can be used, or it was measured for other
    weights.
    """
    path = model.folder / ERROR_FILE
    remedy = f"run `crispim-ij models calibrate {model.folder.name} --clean STACK`"
    try:
        with path.open("rb") as file:
            values = json.loads(file.read(_MOST_BYTES))
    except FileNotFoundError:
        raise CrispimError(
            f"Model {model.spec.name!r} has no {ERROR_FILE}, so its errors are not known: "
            f"{remedy}, or leave --uncertainty out."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise CrispimError(f"{path} can't be read ({error}): {remedy}.") from error
    if not isinstance(values, dict) or not _NEEDED <= values.keys() <= _NEEDED | {"measured_on"}:
        raise CrispimError(f"{path} can't be read (it has other entries): {remedy}.")
    found = ErrorModel(**values)
    factors = [getattr(found, name) for name in _FACTORS]
    if not all(isinstance(f, int | float) and math.isfinite(f) and f >= 0 for f in factors):
        raise CrispimError(f"{path} has factors that can't be: {remedy}.")
    if found.sha256 != model.spec.sha256:
        raise CrispimError(f"{path} was measured for other weights than the model's: {remedy}.")
    return found


class AugmentedDenoiser(Denoiser):
    """A denoiser with test-time augmentation, by which it also gives v and r.

    Its result is of shape (3, Y, X): denoised counts, v and r. Tiles are exact in all three,
    because they are read with the windows' margin besides the network's.
    """

    outputs = (3,)

    def __init__(self, model: Model, settings: DenoiseSettings) -> None:
        super().__init__(model, settings)
        seen = model.spec.receptive_field + RESIDUE_WINDOW // 2
        self.halo = ReceptiveField(seen, model.spec.stride).halo
        self._run = _augmented(self._run, model.spec.halo, self.halo - model.spec.halo)

    def _untouched(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what becomes of a tile without noise: no spread, no residue."""
        plane = super()._untouched(tile)
        return np.stack([plane, np.zeros_like(plane), np.zeros_like(plane)])

    def _in_counts(self, values: NDArray[np.float32], noise: CameraNoise) -> NDArray[np.float32]:
        """Turn all three into counts: small differences grow with the noise at that light."""
        denoised = super()._in_counts(values[0], noise)
        return np.stack([denoised, *(values[1:] * unit_in_counts(denoised, noise))])


class UncertainDenoiser(AugmentedDenoiser):
    """A denoiser whose result is of shape (2, Y, X): denoised counts and their error."""

    def __init__(self, model: Model, settings: DenoiseSettings) -> None:
        self.errors = load_error_model(model)
        super().__init__(model, settings)

    def extended(self, grid: TileGrid, extended: NDArray[Any]) -> NDArray[np.float32]:
        """Denoise what is given with its margins, see `Denoiser.extended`."""
        denoised, spread, residue = super().extended(grid, extended)
        return np.stack([denoised, self.errors.error(spread, residue)])


def _augmented(
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]], halo: int, margin: int
) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Run a tile in four orientations; `run` leaves out `halo`, the windows' `margin` is left."""
    inner = slice(margin, -margin)

    def run_all(tile: NDArray[np.float32]) -> NDArray[np.float32]:
        turned = np.stack([_run_turned(run, tile, turns) for turns in range(ROTATIONS)])
        noisy = tile if tile.ndim == 2 else tile[len(tile) // 2]
        squares = (
            (turned.var(0, ddof=1), SPREAD_WINDOW),
            ((noisy[halo:-halo, halo:-halo] - turned[0]) ** 2, RESIDUE_WINDOW),
        )
        roots = [_root_mean(values, side) for values, side in squares]
        return np.stack([turned[0], *roots])[:, inner, inner]

    return run_all


def _run_turned(
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    tile: NDArray[np.float32],
    turns: int,
) -> NDArray[np.float32]:
    turned = np.ascontiguousarray(np.rot90(tile, turns, (-2, -1)))
    return np.rot90(run(turned), -turns)


def _root_mean(values: NDArray[np.float32], side: int) -> NDArray[np.float64]:
    """Root of the mean over a window, in double precision so that running sums don't drift."""
    from scipy.ndimage import uniform_filter

    mean = uniform_filter(values.astype(np.float64), side)
    return np.asarray(np.sqrt(np.maximum(mean, 0)))
