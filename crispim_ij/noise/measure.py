"""How strong the noise of a stack is, at every light, for all who need to know."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crispim_ij.models import SharedNoise
from crispim_ij.noise import resizing
from crispim_ij.noise.camera import LARGEST, SMALLEST_GAIN, UNIT_NOISE, CameraNoise
from crispim_ij.noise.fit import fit_noise
from crispim_ij.noise.grain import Grain, measure_grain
from crispim_ij.noise.light_levels import (
    SIDE,
    LightLevel,
    group_blocks,
    join,
    measure_blocks,
    varies,
)
from crispim_ij.noise.pairs import PLANES, Pair, difference, read_pairs

if TYPE_CHECKING:
    from crispim_ij.planes import Metadata, Source

Basis = Literal["line through levels of light", "gain from the darkest block as offset", "one sd"]

DARKEST = 0.01
"""Share of the blocks that is darker than the offset where that isn't known."""

CORRELATED = 0.15
"""Correlation between neighbouring pixels from which noise isn't that of the model."""

UNLIKE = 1.5
"""Ratio of standard deviations, given and measured, from which one of them is doubtful."""

_FEWEST_PLANES = 3  # of each of several stacks
_SMOOTH = 10.0
_FEWEST_ALIVE = 0.05
_ENOUGH = 16_000
_FEW = 512
_LEAST_LINE = 3


@dataclass(frozen=True)
class Measurement:
    """Noise of one channel of a stack.

    Attributes
    ----------
    channel : int
        Its number, from 0.
    noise : CameraNoise or None
        In the stack's own counts; None where it can't be measured.
    levels : tuple of LightLevel
        Noise at each light, as measured.
    is_correlated : bool
        Whether neighbouring pixels share noise, along Y or X.
    problem : str or None
        A sentence on why noise can't be measured or isn't that of the model.
    basis : str or None
        What `noise` rests on: 'line through levels of light', 'gain from the darkest block
        as offset' where there are two levels alone, or 'one sd'.
    whole : CameraNoise or None
        Where pixels share noise, all of it: `noise` is what is fine along both axes, and far less.
        Measured where planes are flat, so that structure counts where none are.
    grain : Grain or None
        How they share it, in units of `whole`; known where that is.
    period : float or None
        Distance, in px, at which noise is as strong again, where planes were resized; `noise` and
        `whole` are then means.
    is_shared_along_z : bool
        Whether neighbouring planes share noise.
    """

    channel: int
    noise: CameraNoise | None
    levels: tuple[LightLevel, ...]
    is_correlated: bool
    problem: str | None
    basis: Basis | None
    whole: CameraNoise | None = None
    grain: Grain | None = field(default=None, compare=False)
    period: float | None = None
    is_shared_along_z: bool = False

    def of_all(self) -> Measurement:
        """Return what a model is told that has learnt how pixels share noise."""
        return self if self.whole is None else replace(self, noise=self.whole)

    def all_of(self, told: CameraNoise) -> CameraNoise:
        """Return all of the noise, of what a model is told: measured, or the user's own word."""
        return self.whole if self.whole and told in (self.noise, self.whole) else told

    def at(self, *shares: float) -> tuple[float, ...]:
        """Return the standard deviation, in counts, where a share of the pixels is darker.

        Shares are from 0 (darkest) to 1. 0 counts come back where noise can't be measured.
        """
        if self.noise is None:
            return (0.0,) * len(shares)
        darker = np.cumsum([level.share for level in self.levels])
        light = np.interp(shares, darker / darker[-1], [level.light for level in self.levels])
        return tuple(float(sd) for sd in np.sqrt(self.noise.variance(light)))

    def doubt(self, given: CameraNoise) -> str:
        """Say that the planes show far less or more noise than is given, or nothing."""
        if self.noise is None:
            return ""
        (told,) = replace(self, noise=given).at(0.5)
        fine, whole = (one.at(0.5)[0] for one in (self, self.of_all()))
        if fine / UNLIKE <= told <= whole * UNLIKE:
            return ""
        leads_to = "structure may be removed" if told > whole else "noise stays in"
        return (
            f"Noise of sd {told:.3g} counts was given, and the planes show {fine:.3g} counts: if "
            f"they are right, {leads_to}. Without --noise it is measured."
        )

    @property
    def resized(self) -> tuple[str, str]:
        """What tells that planes were resized, and what that leads to; '' where it is learnt."""
        is_known = self.grain is not None and self.grain.sampling is not None
        if self.period is not None and not (is_known and self.noise == self.whole):
            leads_to = resizing.LEARNABLE if is_known else resizing.CONSEQUENCE
            return resizing.in_words(self.period), leads_to
        if self.is_shared_along_z:
            return resizing.ALONG_Z, resizing.CONSEQUENCE_ALONG_Z
        return "", ""

    @property
    def shares(self) -> SharedNoise | None:
        """How neighbouring pixels share noise; None where that can't be measured."""
        if self.grain is not None:
            return SharedNoise(
                self.grain.correlation(1, 0), self.grain.correlation(0, 1), self.period
            )
        return None if self.noise is None or self.is_correlated else SharedNoise(period=self.period)

    def unlike(self, learnt: Sequence[SharedNoise]) -> str:
        """Say that pixels share noise in another way than a model has learnt, or nothing."""
        here = self.shares
        if not learnt or here is None or any(here.is_like(one) for one in learnt):
            return ""
        helps = "Adapt one to these planes (crispim-ij adapt)."
        if self.grain is None:
            helps = "Take a model that ships."
        return (
            f"Noise {here}, and the model was adapted to noise that {learnt[0]}: noise stays in, "
            f"or structure is removed. {helps}"
        )

    def in_figures(self) -> str:
        """Say how strong noise is, as 'sd 34.9 counts', or why it isn't known."""
        if self.noise is None:
            return f"not measured: {self.problem}"
        after = self._pattern_in_figures()
        if not self.noise.gain:
            return f"sd {self.noise.read_noise:.3g} counts{after}"
        dark, bright = self.at(0.01, 0.99)
        return (
            f"sd {dark:.3g} counts dark, {bright:.3g} bright (gain {self.noise.gain:.3g}, "
            f"read noise {self.noise.read_noise:.3g}){after}"
        )

    def _pattern_in_figures(self) -> str:
        """Say where noise isn't independent, and equally strong, at each pixel."""
        says = ""
        if self.is_correlated:
            hides = self.whole is not None and self.whole != self.noise
            in_all = f", of {self.of_all().at(0.5)[0]:.3g} in all" if hides else ""
            says = f"{in_all}, shared by neighbouring pixels"
        says += f", stronger again every {self.period:.2g} px" if self.period else ""
        return says + (", shared by neighbouring planes" if self.is_shared_along_z else "")

    def in_words(self) -> str:
        """Say how strong noise is, in one line."""
        return f"noise: {self.in_figures()}"


class Light(NamedTuple):
    """What planes tell before anything is fitted.

    Noise at each light, the counts that `DARKEST` of the blocks are darker than, and the share of
    the blocks whose pixels vary.
    """

    levels: list[LightLevel]
    darkest: float
    alive: float


def measure_noise(source: Source) -> tuple[Measurement, ...]:
    """Measure the noise of each channel of a stack on a few of its planes.

    Parameters
    ----------
    source : Source
        Noisy planes, raw counts; `crispim_ij.planes.arrays.ArraySource` for an array. `PLANES` of
        each channel are read, with as many neighbours along Z.

    Returns
    -------
    tuple of Measurement
        One for each channel, in their order.

    Raises
    ------
    CrispimError
        If a plane can't be read, or holds NaN or infinite values.
    """
    return measure_noise_over([source])


def typical_noise(source: Source) -> float:
    """Return the standard deviation, in counts, at the median light of the noisiest channel."""
    return max(channel.at(0.5)[0] for channel in measure_noise(source))


def measure_noise_over(sources: Sequence[Source]) -> tuple[Measurement, ...]:
    """Measure as `measure_noise` does, but on several stacks that share a camera.

    They have equally many channels, and one pixel type. Light that one of them lacks may be in
    another, as tiles at a specimen's border are nearly empty. As many planes are read of all as
    of one stack, or more.
    """
    planes = max(_FEWEST_PLANES, math.ceil(PLANES / len(sources)))
    stacks_of = [channel_stacks(source.metadata, len(source)) for source in sources]
    return tuple(
        _measured(
            channel,
            [
                pair
                for source, stacks in zip(sources, channels, strict=True)
                for pair in read_pairs(source, stacks, planes)
            ],
        )
        for channel, channels in enumerate(zip(*stacks_of, strict=True))
    )


def as_facts(found: Any) -> dict[str, Any]:
    """Return a dataclass with measurements in it as a dictionary for scripts, without spectra."""
    return asdict(
        found, dict_factory=lambda items: {name: one for name, one in items if name != "grain"}
    )


def channel_stacks(metadata: Metadata, planes: int) -> list[NDArray[np.int64]]:
    """Return numbers of planes of each channel, (time points, Z): a row lies along Z."""
    missing = "".join(axis for axis in "CZ" if axis not in metadata.axes)
    names = metadata.axes + missing
    numbers = np.arange(planes).reshape(*metadata.sizes, *(1 for _ in missing))
    numbers = np.moveaxis(numbers, (names.index("C"), names.index("Z")), (0, -1))
    return [channel.reshape(-1, channel.shape[-1]) for channel in numbers]


def channels_of(source: Source) -> list[int]:
    """Return the channel of each plane of a stack, from 0."""
    channels = np.empty(len(source), np.int64)
    for channel, stacks in enumerate(channel_stacks(source.metadata, len(source))):
        channels[stacks] = channel
    numbers: list[int] = channels.tolist()
    return numbers


def measure_light(pairs: Sequence[Pair]) -> Light:
    """Measure noise at each light, of at least one plane of at least 8 px on each side."""
    limits = _limits(pairs)
    step = _step(pairs)
    blocks = join([measure_blocks(pair.plane, step, limits) for pair in pairs])
    differences = None
    if all(pair.beside is not None for pair in pairs):
        own = join([measure_blocks(difference(pair), step) for pair in pairs])
        differences = replace(own, light=blocks.light, clipped=blocks.clipped)
    alive = varies(blocks)
    if alive.mean() < _FEWEST_ALIVE:
        return Light([], 0.0, float(alive.mean()))
    darkest = float(np.quantile(blocks.light[alive], DARKEST))
    levels = group_blocks(blocks, differences, (SIDE / step) ** 2)
    return Light(levels, darkest, float(alive.mean()))


def shared(levels: Sequence[LightLevel], name: str) -> float:
    """Return how much noise pixels share at most levels, from -1 to 1, by an attribute of theirs.

    Structure looks like noise that neighbours share, but not at every light: so of the
    levels, between a quarter and three quarters of the pixels, the value nearest 0 counts.
    """
    order = sorted(levels, key=lambda level: float(getattr(level, name)))
    below = np.cumsum([level.share for level in order])
    ends = [
        float(getattr(order[int(np.searchsorted(below, part * below[-1]))], name))
        for part in (0.25, 0.75)
    ]
    return max(0.0, ends[0]) + min(0.0, ends[1])


def _measured(channel: int, pairs: Sequence[Pair]) -> Measurement:
    """Measure a channel."""
    if min(pairs[0].plane.shape) < SIDE:
        return _unknown(channel, f"The planes are smaller than {SIDE} x {SIDE} px.")
    along_z = resizing.is_shared_along_z(pairs)
    pairs = _without_copies(pairs)
    light = measure_light(pairs)
    if light.alive < _FEWEST_ALIVE:
        return _unknown(channel, "The planes are constant, or nearly so.")
    if not light.levels:
        return _unknown(channel, "Too many pixels are clipped at the smallest or largest count.")
    levels = tuple(light.levels)
    doubt = 2 / np.sqrt(sum(level.error**-2 for level in levels))
    across = [shared(levels, name) for name in ("down", "right")]
    lines = max(shared(levels, name) for name in ("rows", "columns"))
    is_correlated = bool(max(*np.abs(across), lines) > CORRELATED + doubt)
    if shared(levels, "steepness") > _SMOOTH:
        smooth = "The planes seem to be smoothed or denoised already."
        shares = _whole(pairs, UNIT_NOISE) if is_correlated else (None, None)
        return Measurement(channel, None, levels, is_correlated, smooth, None, *shares)
    if max(abs(light.darkest), *(level.sd for level in levels)) > LARGEST:
        return _unknown(channel, f"The counts are larger than {LARGEST:,.0f}: divide them.")
    noise, basis = _fitted(light)
    period = resizing.period_of(pairs)
    whole, grain = _whole(pairs, noise) if is_correlated else (None, None)
    problem = _problem(is_correlated, period, along_z=along_z)
    of_pixels = (levels, is_correlated, problem, basis, whole, grain)
    return Measurement(channel, noise, *of_pixels, period, along_z)


def _without_copies(pairs: Sequence[Pair]) -> Sequence[Pair]:
    """Leave out planes whose neighbours are copies, or if all are, these neighbours."""
    differ = [p for p in pairs if p.beside is None or not np.array_equal(p.plane, p.beside)]
    return differ or [pair._replace(beside=None) for pair in pairs]


def _problem(is_correlated: bool, period: float | None, *, along_z: bool) -> str | None:
    """Say why a model doesn't know such noise."""
    says = ["Neighbouring pixels share noise."] if is_correlated else []
    says += [] if period is None else [resizing.in_words(period)]
    says += [resizing.ALONG_Z] if along_z else []
    return " ".join(says) or None


def _whole(
    pairs: Sequence[Pair], fine: CameraNoise
) -> tuple[CameraNoise, Grain] | tuple[None, None]:
    """Return all of the noise, of which what is fine is known, and how pixels share it."""
    grain = measure_grain(pairs, fine, _limits(pairs))
    if grain is None:
        return None, None
    return fine.scaled(math.sqrt(grain.variance)), grain.of_unit()


def _unknown(channel: int, problem: str) -> Measurement:
    """Return a measurement of nothing."""
    return Measurement(channel, None, (), is_correlated=False, problem=problem, basis=None)


def _fitted(light: Light) -> tuple[CameraNoise, Basis]:
    """Fit a line or one value to the levels."""
    line = fit_noise(light.levels, light.darkest)
    if line.gain < SMALLEST_GAIN:
        return CameraNoise(0, light.darkest, line.floor**0.5), "one sd"
    enough = len(light.levels) >= _LEAST_LINE
    basis: Basis = (
        "line through levels of light" if enough else "gain from the darkest block as offset"
    )
    return CameraNoise(line.gain, light.darkest, line.floor**0.5), basis


def _limits(pairs: Sequence[Pair]) -> tuple[float, ...]:
    """Return counts at which pixels are clipped: by the type, the camera or subtraction."""
    planes = [pair.plane for pair in pairs]
    lowest = float(min(plane.min() for plane in planes))
    highest = float(max(plane.max() for plane in planes))
    limits = {0.0} if lowest == 0 else set()
    if planes[0].dtype.kind in "iu":
        kind = np.iinfo(planes[0].dtype)
        limits |= {float(kind.min), float(kind.max)}
    if is_camera_limit(highest):
        limits.add(highest)
    return tuple(limits)


def is_camera_limit(highest: float) -> bool:
    """Tell by the largest count whether a camera of 8, 10, 12 or 14 bit is saturated there."""
    return highest >= 2**8 - 1 and math.log2(highest + 1).is_integer()


def _step(pairs: Sequence[Pair]) -> int:
    """Return the distance of blocks, in px: where there are few, they overlap."""
    rows, columns = (side // SIDE for side in pairs[0].plane.shape)
    plain = rows * columns * len(pairs)
    return SIDE if plain >= _ENOUGH else SIDE // 2 if plain >= _FEW else SIDE // 4
