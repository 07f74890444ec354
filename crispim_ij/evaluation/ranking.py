"""Methods ranked on noisy planes alone, each at the strength of the least estimated error."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation.classics import CLASSICS
from crispim_ij.evaluation.inputs import EvaluationSettings, choose_planes
from crispim_ij.evaluation.methods import Method, find_method
from crispim_ij.networks import neighbours
from crispim_ij.noise import CameraNoise, StackNoise, channels_of, measure_noise
from crispim_ij.noise.risk import Risk, estimate_risk, join_risks
from crispim_ij.planes import Source, z_stacks

if TYPE_CHECKING:
    from rich.table import Table

STRENGTHS = (0.7, 0.85, 1.0, 1.2, 1.4)
"""What is tried with models that are told the noise, see `crispim_ij.noise.NoiseOptions`."""

WITHOUT_MODEL = ("noisy", "tv-tuned", "wavelet-tuned", "gaussian-tuned")
"""Methods without a network that are ranked where none is named."""

LONGEST = 768
"""Side, in px, of the middle of a plane, which is what is looked at of larger ones."""


@dataclass(frozen=True)
class Ranked:
    """A method and its estimated error on noisy planes.

    Attributes
    ----------
    method : str
        Its name.
    strength : float or None
        That at which it did best on one plane, where it has one: of a model what `--strength`
        takes.
    error : float
        Root mean square error against the clean planes that nobody has, in counts; NaN where it
        came out below 0.
    low, high : float
        Between which it lies in 19 of 20 cases, if the noise is known.
    noise : float
        Root mean square of the noise, in counts: the error of doing nothing.
    """

    method: str
    strength: float | None
    error: float
    low: float
    high: float
    noise: float

    @property
    def is_below_zero(self) -> bool:
        """Whether the error came out below 0, so that it is NaN."""
        return math.isnan(self.error)


def default_ranked(source: Source) -> list[str]:
    """Return the methods that are ranked where none is named; 3D models need slices."""
    from crispim_ij.models import list_models

    slices = z_stacks(source.metadata, len(source)).shape[1]
    models = [model for model in list_models() if model.spec.depth == 1 or slices > 1]
    return [*WITHOUT_MODEL, *(model.folder.name for model in models)]


def rank_methods(
    source: Source,
    names: Sequence[str],
    settings: EvaluationSettings,
    noise: StackNoise,
    on_method: Callable[[int], None] = lambda _: None,
) -> list[Ranked]:
    """Estimate the errors of methods on noisy planes, and rank them.

    Strengths are chosen on a plane that isn't measured, where one is left.

    Parameters
    ----------
    source : Source
        Noisy planes. Their middle is looked at, see `LONGEST`.
    names : sequence of str
        See `crispim_ij.evaluation.find_methods`.
    settings : EvaluationSettings
        How many planes are drawn, and by which seed.
    noise : StackNoise
        What models are told of their noise. Where pixels share some, how is measured, and models
        that learnt it are told all of it.
    on_method : callable
        Told after each method how many are done.

    Returns
    -------
    list of Ranked
        The best first.

    Raises
    ------
    CrispimError
        If there is no such method, or the noise isn't known.
    """
    chosen = choose_planes(len(source), settings)
    left = sorted(set(range(len(source))) - set(chosen)) or chosen
    cameras = noise.of_planes(source)
    if any(camera.is_none for camera in cameras):
        raise CrispimError(
            f"The noise of '{source.path}' can't be measured, and without it no error can be "
            "estimated: tell it with --noise."
        )
    measured = measure_noise(source)
    measurements = [measured[channel] for channel in channels_of(source)]
    tuned_on, part = left[len(left) // 2], _middle_of(source)
    ranked = []
    for done, method in enumerate([_Tunable.find(name) for name in names], 1):

        def risk(plane: int, strength: float | None, method: _Tunable = method) -> Risk:
            planes = _read(source, plane, part, method.depth)
            of_plane = measurements[plane]
            own = of_plane.all_of(cameras[plane])
            run = method.at(strength, own if method.learnt_grain else cameras[plane])
            rng = np.random.default_rng((settings.noise.seed, plane))
            grain = of_plane.grain and of_plane.grain.at(*(side.start for side in part))
            return estimate_risk(planes, run, own, rng, grain=grain)

        tried = {strength: risk(tuned_on, strength).squared for strength in method.strengths}
        best = min(tried, key=tried.__getitem__, default=None)
        found = join_risks([risk(plane, best) for plane in chosen])
        figures = (math.nan,) * 3 if found.is_below_zero else (found.error, *found.range)
        ranked.append((found.squared, Ranked(method.name, best, *figures, found.noise_sd)))
        on_method(done)
    return [one for _, one in sorted(ranked, key=lambda pair: pair[0])]


def doubt_ranking(ranking: Sequence[Ranked]) -> str:
    """Say why a ranking is wrong, or nothing."""
    below = [one.method for one in ranking if one.is_below_zero]
    if not below:
        return ""
    return (
        f"Errors came out below 0 ({', '.join(below)}), so the planes' noise is weaker than the "
        f"{ranking[0].noise:.3g} counts that were taken for it, or not the same everywhere: this "
        "ranking and its strengths are wrong. Give planes as the camera took them, or the noise "
        "with --noise."
    )


def render_ranking(ranking: Sequence[Ranked]) -> Table:
    """Lay a ranking out as a table for the screen."""
    from rich.table import Table

    table = Table(title=f"Estimated errors, of noise of {ranking[0].noise:.4g} counts")
    for heading in ("method", "strength", "error (counts)", "19 of 20 cases"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for one in ranking:
        strength = "" if one.strength is None else f"{one.strength:g}"
        error, around = f"{one.error:.4g}", f"{one.low:.4g} to {one.high:.4g}"
        if one.is_below_zero:
            error, around = "below 0", ""
        table.add_row(one.method, strength, error, around)
    return table


@dataclass(frozen=True)
class _Tunable:
    """A method, None for a classic of `CLASSICS`, and the strengths that it is tried at, if any."""

    name: str
    method: Method | None
    strengths: tuple[float, ...]

    @classmethod
    def find(cls, name: str) -> _Tunable:
        """Find a method; a model that is told the noise has the strengths of that."""
        if name in CLASSICS:
            return cls(name, None, CLASSICS[name].strengths)
        method = find_method(name)
        is_told = method.denoiser is not None and method.denoiser.spec.takes_noise
        return cls(method.name, method, STRENGTHS if is_told else ())

    @property
    def depth(self) -> int:
        """Planes that it takes for one."""
        return 1 if self.method is None else self.method.depth

    @property
    def learnt_grain(self) -> bool:
        """Whether it is a model that is told all of the noise, see `ModelSpec.learnt_grain`."""
        denoiser = None if self.method is None else self.method.denoiser
        return denoiser is not None and denoiser.spec.learnt_grain is not None

    def at(
        self, strength: float | None, camera: CameraNoise
    ) -> Callable[[NDArray[Any]], NDArray[Any]]:
        """Return it as a function of planes, told their noise if it takes that."""
        if self.method is None:
            assert strength is not None
            return lambda planes: CLASSICS[self.name].denoise(planes, strength)
        if self.method.denoiser is not None:
            return self.method.denoiser.told(camera.scaled(strength or 1.0))
        method = self.method
        return lambda planes: method.run(planes, float(np.sqrt(camera.variance(planes).mean())))


def _middle_of(source: Source) -> tuple[slice, slice]:
    """Return the rows and columns of planes that are looked at."""
    rows, columns = (
        slice((side - min(side, LONGEST)) // 2, (side + min(side, LONGEST)) // 2)
        for side in source.shape[1:]
    )
    return rows, columns


def _read(source: Source, plane: int, part: tuple[slice, slice], depth: int) -> NDArray[Any]:
    """Read a part of a plane, or of its mini-stack."""
    if depth == 1:
        return source.read_region(plane, *part)
    around = neighbours(z_stacks(source.metadata, len(source)), plane, depth)
    return np.stack([source.read_region(k, *part) for k in around])
