"""Pairs of noisy and clean patches, each a pure function of the data, the recipe and a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.networks import ARCHITECTURES
from crispim_ij.noise import UNIT_NOISE, CameraNoise, add_camera_noise, expected, stabilise
from crispim_ij.noise.risk import PROBE, noise_in_pairs, recorrupt
from crispim_ij.prefetch import prefetch
from crispim_ij.training.recipe import Recipe
from crispim_ij.training.stacks import Planes, TrainingStack

Patch = NDArray[np.float32]
Pair = tuple[Patch, Patch]

Batch = tuple[Patch, Patch]
"""Noisy and clean patches."""

BLACK_LEVEL = (0.0, 300.0)
"""Range, in counts, of the black level of a rescaled patch."""

SATURATED = (300.0, 20000.0)
"""How bright spots are, in units of the noise."""

SAMPLES = 3
"""Patches that a run is pictured on."""

_ALONE = 0.2
"""Share of the mini-stacks with a plane that doesn't fit that are of one plane, mirrored."""


def training_batch(stacks: Sequence[TrainingStack], recipe: Recipe, step: int) -> Batch:
    """Draw the batch that is trained on at a step.

    Parameters
    ----------
    stacks : sequence of TrainingStack
        Drawn from with equal chances.
    recipe : Recipe
        How patches are drawn.
    step : int
        Number of the step, from 0. The same step always gives the same batch.

    Returns
    -------
    noisy, clean : ndarray of float32, shape (batch, patch, patch, 1)
        Raw counts. For a 3D network `noisy` is (batch, depth, patch, patch, 1): mini-stacks
        around the clean plane. Each plane has noise of its own; one that is mirrored has the
        same again. For a blind recipe both are noisy, see `crispim_ij.noise.risk.recorrupt`.
    """
    rng = np.random.default_rng((recipe.seed, 0, step))
    return _draw_batch(stacks, recipe, recipe.batch, rng, validation=False)


def validation_batch(stacks: Sequence[TrainingStack], recipe: Recipe, step: int) -> Batch:
    """Draw the batch that is validated on: always the same, from planes kept for it.

    Without such planes another is drawn at each step, as in the paper. Parameters and
    result are those of `training_batch`; a blind recipe is validated at hardly more noise than
    the planes have, see `validation_strength`.
    """
    fixed = recipe.validation_share > 0
    rng = np.random.default_rng((recipe.seed, 1, 0 if fixed else step))
    if recipe.is_blind:
        recipe = replace(recipe, recorruption=validation_strength(recipe))
    return _draw_batch(stacks, recipe, recipe.validation_batch, rng, validation=fixed)


def validation_strength(recipe: Recipe) -> float:
    """Return how strong the noise is that is added where a blind recipe is validated."""
    return min(recipe.recorruption, PROBE)


def noise_in_batch(batch: Batch, strength: float) -> float:
    """Return what of a blind batch's mean squared error is the noise of its targets."""
    given, target = batch
    return noise_in_pairs(middle(given, target), target, strength)


def share_with_noise(batch: Batch) -> float:
    """Return which share of a blind batch's pixels has noise, as filled margins have none."""
    given, target = batch
    return float(np.mean(middle(given, target) != target))


def where_noise_is(mean: float, batch: Batch) -> float:
    """Return a mean over a blind batch as one over its pixels that have noise, or all if none has.

    Elsewhere nothing is wrong.
    """
    return mean / (share_with_noise(batch) or 1.0)


def middle(noisy: Patch, clean: Patch) -> Patch:
    """Return the planes to predict of noisy patches, all of them unless these are mini-stacks."""
    return noisy if noisy.ndim == clean.ndim else noisy[:, noisy.shape[1] // 2]


def sample_batch(stacks: Sequence[TrainingStack], recipe: Recipe) -> Batch:
    """Draw the few patches that a run is pictured on: always the same.

    They come from the planes kept for validation, where there are any. For a blind recipe there is
    `sample_pairs`.
    """
    rng = np.random.default_rng((recipe.seed, 2))
    return _draw_batch(stacks, recipe, SAMPLES, rng, validation=True)


def sample_pairs(stacks: Sequence[TrainingStack], recipe: Recipe) -> Batch:
    """Draw the samples of a blind recipe, each of them as two pairs of opposite noise."""
    rng = np.random.default_rng((recipe.seed, 2))
    probed = replace(recipe, recorruption=validation_strength(recipe))
    return _draw_batch(stacks, probed, 2 * SAMPLES, rng, validation=True)


def _draw_batch(
    stacks: Sequence[TrainingStack],
    recipe: Recipe,
    size: int,
    rng: np.random.Generator,
    *,
    validation: bool,
) -> Batch:
    # A blind recipe makes two pairs of each patch.
    draws = -(-size // 2) if recipe.is_blind else size
    chosen = [stacks[k] for k in rng.integers(len(stacks), size=draws)]
    drawn = [_draw_pairs(stack, recipe, rng, validation=validation) for stack in chosen]
    pairs = [pair for of_patch in drawn for pair in of_patch][:size]
    noisy, clean = (
        np.stack(side).astype(np.float32)[..., np.newaxis] for side in zip(*pairs, strict=True)
    )
    return noisy, clean


def _draw_pairs(
    stack: TrainingStack, recipe: Recipe, rng: np.random.Generator, *, validation: bool
) -> Sequence[Pair]:
    if recipe.is_blind:
        return _draw_noisy_pairs(stack, recipe, rng, validation=validation)
    count = len(stack.clean)
    index = int(rng.integers(*plane_range(count, recipe, validation=validation)))
    window = _draw_window(stack.clean.shape[1:], recipe, rng)
    depth = ARCHITECTURES[recipe.architecture].depth
    around = stack.around(index, depth, _draw_gap(recipe, rng))
    has_strays = bool(recipe.stray_share) and rng.random() < recipe.stray_share
    if has_strays and rng.random() < _ALONE:
        around, has_strays = [index] * depth, False
    # Mirrored ends hold a plane twice, and its noise too.
    planes, places = np.unique(around, return_inverse=True)
    clean = _cut(stack.clean, planes.tolist(), window)
    if has_strays:
        clean = _with_strays(clean, int(places[depth // 2]), rng)
    if stack.noisy is not None:
        noisy = _cut(stack.noisy, planes.tolist(), window)
    elif recipe.is_told:
        noisy, clean = add_unit_noise(
            _resize(clean, recipe.patch), stack.black, stack.span, stack.own_noise, recipe, rng
        )
    else:
        clean = _resize(clean, recipe.patch)
        if recipe.contrast is not None:
            clean = _rescale(clean, stack, recipe.contrast, rng)
        noisy = add_noise(clean, stack.clean.dtype, recipe, rng)
    noisy, clean = noisy[places], clean[places[depth // 2]]
    return [_turn(rng, recipe, noisy if depth > 1 else noisy[0], clean)]


def _draw_noisy_pairs(
    stack: TrainingStack, recipe: Recipe, rng: np.random.Generator, *, validation: bool
) -> Sequence[Pair]:
    """Draw two pairs of a noisy stack, in units of its noise for a network that is told that."""
    assert stack.noise is not None
    planes, rows = held_out(stack.clean.shape, recipe, validation=validation)
    window = _draw_window((len(rows), stack.clean.shape[2]), recipe, rng)
    window = (slice(window[0].start + rows.start, window[0].stop + rows.start), window[1])
    depth = ARCHITECTURES[recipe.architecture].depth
    around = stack.around(int(rng.choice(planes)), depth, _draw_gap(recipe, rng))
    noisy = _cut(stack.clean, around, window)
    if recipe.stray_share and rng.random() < recipe.stray_share:
        noisy = _with_strays(noisy, depth // 2, rng)
    camera = stack.noise.camera
    if recipe.is_told:
        noisy, camera = stabilise(noisy, camera), UNIT_NOISE
    grain = stack.noise.grain and stack.noise.grain.at(window[0].start, window[1].start)
    pairs = recorrupt(noisy, camera, recipe.recorruption, rng, grain)
    given, target = (np.stack(side) for side in zip(*pairs, strict=True))
    given, target = _turn(rng, recipe, given, target, upright=grain is not None)
    return list(zip(given if depth > 1 else given[:, 0], target, strict=True))


def held_out(
    shape: tuple[int, int, int], recipe: Recipe, *, validation: bool
) -> tuple[list[int], range]:
    """Return the planes of a noisy stack that are drawn from, and their rows.

    Planes that lie all over the stack are kept to validate on; of few planes the lowest rows are,
    where that leaves room for patches.
    """
    count, height, _ = shape
    ends = min(recipe.end_planes, count // 4)
    planes, rows = list(range(ends, count - ends)), range(height)
    number = round(count * recipe.validation_share)
    if 0 < number < count:
        held = {(2 * k + 1) * count // (2 * number) for k in range(number)}
        return [plane for plane in planes if (plane in held) == validation], rows
    below = max(round(height * recipe.validation_share), recipe.patch)
    if recipe.validation_share and height - below >= recipe.patch:
        rows = rows[height - below :] if validation else rows[: height - below]
    return planes, rows


def _draw_gap(recipe: Recipe, rng: np.random.Generator) -> int:
    """Draw how far apart the planes of a mini-stack lie."""
    if recipe.plane_gap == 1 or rng.random() < 0.5:
        return 1
    return int(rng.integers(2, recipe.plane_gap, endpoint=True))


def _cut(source: Planes, planes: Sequence[int], window: tuple[slice, ...]) -> Patch:
    """Cut the same patch out of several planes, each of which is read once."""
    cut = {plane: source.read(plane)[window] for plane in set(planes)}
    return np.stack([cut[plane] for plane in planes]).astype(np.float32)


def _with_strays(planes: Patch, wanted: int, rng: np.random.Generator) -> Patch:
    """Shift a neighbour of the plane that is wanted, or all of them, by a part of the patch."""
    neighbours = [k for k in range(len(planes)) if k != wanted]
    if not neighbours:
        return planes
    strays = neighbours if rng.random() < 0.5 else [int(rng.choice(neighbours))]
    shift = rng.integers(4, planes.shape[-1] // 2, size=2)
    moved = planes.copy()
    moved[strays] = np.roll(planes[strays], shift, axis=(-2, -1))
    return moved


def plane_range(planes: int, recipe: Recipe, *, validation: bool) -> tuple[int, int]:
    """First plane of a stack to draw from, and the one after the last."""
    ends = min(recipe.end_planes, planes // 4)
    held = round(planes * recipe.validation_share)
    if held == 0 or planes - 2 * ends - held < 1:
        return ends, planes - ends
    last = planes - ends
    return (last - held, last) if validation else (ends, last - held)


def _draw_window(
    shape: tuple[int, ...], recipe: Recipe, rng: np.random.Generator
) -> tuple[slice, ...]:
    side = recipe.patch
    if recipe.zoom != (1.0, 1.0):
        zoom = np.exp(rng.uniform(*np.log(recipe.zoom)))
        side = min(round(side / zoom), *shape)
    starts = [0 if recipe.crop == "top-left" else rng.integers(n - side + 1) for n in shape]
    return tuple(slice(start, start + side) for start in starts)


def _resize(planes: Patch, side: int) -> Patch:
    """Bring square patches to a side: averaged to shrink, cubic to grow."""
    if planes.shape[-1] == side:
        return planes
    import cv2

    way = cv2.INTER_AREA if planes.shape[-1] > side else cv2.INTER_CUBIC
    return np.stack([cv2.resize(plane, (side, side), interpolation=way) for plane in planes])


def _rescale(
    clean: Patch, stack: TrainingStack, contrast: tuple[float, float], rng: np.random.Generator
) -> Patch:
    """Give the patch another span and black level, as another microscope would."""
    span = np.exp(rng.uniform(*np.log(contrast)))
    rescaled = (clean - stack.black) * (span / stack.span) + rng.uniform(*BLACK_LEVEL)
    return np.asarray(np.clip(rescaled, 0, 65535), np.float32)


def _turn(
    rng: np.random.Generator, recipe: Recipe, noisy: Patch, clean: Patch, *, upright: bool = False
) -> Pair:
    """Flip and turn both patches alike, in one of eight ways; `upright` keeps rows rows."""
    if recipe.crop == "top-left":
        return noisy, clean
    quarter_turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    if upright:
        quarter_turns -= quarter_turns % 2
    turned = [np.rot90(patch, quarter_turns, (-2, -1)) for patch in (noisy, clean)]
    noisy, clean = [np.flip(patch, -1) if flip else patch for patch in turned]
    return noisy, clean


def add_noise(
    clean: Patch, dtype: np.dtype[Any], recipe: Recipe, rng: np.random.Generator
) -> Patch:
    """Draw a camera for a mini-stack of `dtype`, or a standard deviation for each of its planes."""
    if recipe.camera is not None:
        noisy = add_camera_noise(clean, recipe.camera.draw(rng), rng, dtype)
    else:
        sd = rng.uniform(*recipe.noise_sd, (len(clean), 1, 1))
        noisy = np.clip(clean + rng.normal(0, sd, clean.shape), 0, 65535)
    return noisy.astype(np.float32)


def add_unit_noise(
    planes: Patch,
    black: float,
    span: float,
    own_noise: float,
    recipe: Recipe,
    rng: np.random.Generator,
) -> Pair:
    """Scale a mini-stack to units of the noise, and add noise, for networks that are told it.

    `black`, `span` and `own_noise` are those of its stack. Noisy and clean values come back, whose
    noise has a standard deviation of 1, or nearly so (`recipe.noise_sd`).
    """
    clean = (planes - black) * (_draw_contrast(span / max(own_noise, 1e-9), recipe, rng) / span)
    if rng.random() < recipe.bright_share:
        clean = _with_spot(clean, rng)
    error = rng.uniform(*recipe.noise_sd)
    if rng.random() < recipe.shot_share:
        camera = _draw_unit_camera(clean, rng)
        noisy = add_camera_noise(clean, camera, rng).astype(np.float32)
        told = CameraNoise(camera.gain / error**2, camera.offset, camera.read_noise / error)
        return stabilise(noisy, told), expected(clean, told)
    return clean + error * rng.standard_normal(clean.shape, np.float32), clean


def _draw_contrast(cleanness: float, recipe: Recipe, rng: np.random.Generator) -> float:
    """Draw a span in units of the noise, at which the stack's own noise is small."""
    assert recipe.contrast is not None
    low, high = recipe.contrast
    high = min(high, recipe.own_noise * cleanness)
    return float(np.exp(rng.uniform(np.log(min(low, high)), np.log(high))))


def _with_spot(planes: Patch, rng: np.random.Generator) -> Patch:
    """Put a bright ellipse with a sharp edge into all planes."""
    rows, columns = (np.arange(side) - rng.uniform(0, side) for side in planes.shape[-2:])
    height, width = np.exp(rng.uniform(np.log(1.5), np.log(25), 2))
    inside = (rows[:, None] / height) ** 2 + (columns / width) ** 2 < 1
    level = np.exp(rng.uniform(*np.log(SATURATED)))
    return np.where(inside, np.float32(level), planes)


def _draw_unit_camera(clean: Patch, rng: np.random.Generator) -> CameraNoise:
    """Draw a camera whose noise has a variance of 1 at the mean light, a share of it shot noise."""
    light = float(clean.mean())
    offset = float(clean.min()) - rng.uniform(0, 0.3) * (light - float(clean.min()))
    share = rng.uniform(0.1, 1)
    return CameraNoise(share / max(light - offset, 0.1), offset, float(np.sqrt(1 - share)))


class Feed(Iterator[tuple[Batch, Batch | None]]):
    """The batches of a run's steps, in order, with a clock on whoever takes them.

    Yields, for each step, the batch to train on, and the one to validate on where the recipe
    asks for that after the step. Threads draw them ahead, twice as many as `workers` at most.
    """

    def __init__(
        self, stacks: Sequence[TrainingStack], recipe: Recipe, steps: range, *, workers: int
    ) -> None:
        def draw(step: int) -> tuple[Batch, Batch | None]:
            done = step + 1
            validates = done % recipe.validate_every == 0 or done == recipe.steps
            validation = validation_batch(stacks, recipe, done) if validates else None
            return training_batch(stacks, recipe, step), validation

        self._drawn = prefetch(draw, steps, workers=workers, ahead=2 * workers)
        self._began, self._waited = perf_counter(), 0.0

    def __next__(self) -> tuple[Batch, Batch | None]:
        asked = perf_counter()
        try:
            return next(self._drawn)
        finally:
            self._waited += perf_counter() - asked

    def lap(self) -> tuple[float, float]:
        """Return the seconds since the last lap, and how many of them were waiting."""
        seconds, waited = perf_counter() - self._began, self._waited
        self._began, self._waited = perf_counter(), 0.0
        return seconds, waited
