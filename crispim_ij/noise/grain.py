"""Noise that neighbouring pixels share, as a spectrum or interpolated: measured, and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.noise.camera import CameraNoise
from crispim_ij.noise.pairs import Pair
from crispim_ij.noise.sampling import Sampling, find_sampling
from crispim_ij.noise.stabilise import stabilise

Floats = NDArray[np.float64]

SIDE = 32
"""Side, in px, of the blocks whose spectra are averaged: of what is shared farther, so much."""

_LEAK = (2 * SIDE / 3, SIDE / 6)
"""Power, in a block seen through Hann's window, of what is constant, and of the next wave."""

_FLATTEST = 0.15
_FEWEST = 8
_MOST_CLIPPED = 0.01  # of the pixels of a block
_LEAST_LINES = 0.02  # of the variance: less is chance
_COARSE = 4  # waves a block and fewer along both axes, in which structure is seen first


@dataclass(frozen=True, eq=False)
class Grain:
    """How pixels share noise.

    Attributes
    ----------
    spectrum : ndarray of float64, shape (SIDE, SIDE)
        Power of the waves of a block, as `numpy.fft.fft2` orders them, in units of the noise that
        is told, squared: their mean is the variance of what lines don't share.
    rows, columns : ndarray of float64, shape (SIDE,)
        The same of what whole rows, and whole columns, share: a wave along the other axis.
    sampling : tuple of Sampling or None
        How rows and columns were interpolated, where the noise of planes that were resized is that
        of independent px; what is drawn then isn't equally strong everywhere.
    """

    spectrum: Floats
    rows: Floats = field(default_factory=lambda: np.zeros(SIDE))
    columns: Floats = field(default_factory=lambda: np.zeros(SIDE))
    sampling: tuple[Sampling, Sampling] | None = None

    @property
    def variance(self) -> float:
        """Variance of the noise, in units of what is told, squared."""
        return float(self.spectrum.mean() + self.rows.mean() + self.columns.mean())

    def of_unit(self) -> Grain:
        """Return the same in units of all of the noise, whose variance then is 1."""
        whole = self.variance
        parts = (self.spectrum / whole, self.rows / whole, self.columns / whole)
        return Grain(*parts, self.sampling)

    def at(self, row: int, column: int) -> Grain:
        """Return the same for a part of the planes, by where it begins."""
        if self.sampling is None:
            return self
        down, right = self.sampling
        return replace(self, sampling=(down.at(row), right.at(column)))

    def correlation(self, down: int, right: int) -> float:
        """Return how much noise pixels share that lie so far from one another."""
        shared = np.fft.ifft2(self.spectrum).real[down, right]
        lines = np.fft.ifft(self.rows).real[down] + np.fft.ifft(self.columns).real[right]
        return float(shared + lines) / self.variance

    def draw(self, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw normal noise of this grain, for rows and columns, in units of what is told."""
        if self.sampling is not None:
            down, right = (
                axis.weights(count) for axis, count in zip(self.sampling, shape, strict=True)
            )
            measured = rng.standard_normal((down.shape[1], right.shape[1]))
            resized: Floats = np.sqrt(self.variance) * down @ measured @ right.T
            return resized.astype(np.float32)
        white = np.fft.rfft2(rng.standard_normal(shape))
        noise = np.fft.irfft2(white * _amplitude(self, shape), s=shape)
        for axis, lines in enumerate((self.rows, self.columns)):
            if lines.any():
                noise += np.expand_dims(_draw_lines(lines, shape[axis], rng), 1 - axis)
        return noise.astype(np.float32)


def measure_grain(
    pairs: Sequence[Pair], camera: CameraNoise, limits: tuple[float, ...] = ()
) -> Grain | None:
    """Measure how pixels of a channel share noise.

    Of neighbouring planes, the sum tells where there is least structure and the difference tells
    the noise there; for noise that is equally strong in both, these have nothing to do with each
    other. A single plane has to tell both.

    Parameters
    ----------
    pairs : sequence of Pair
        Noisy planes.
    camera : CameraNoise
        What is told of their noise; that of pixels which share it may be far stronger.
    limits : tuple of float
        Counts at which pixels are clipped, which hides noise: where enough blocks hold hardly any,
        these are taken.

    Returns
    -------
    Grain or None
        The mean spectrum of the flattest blocks whose pixels differ; None where there are none, as
        where planes are smaller than one.
    """
    noise, structure = _telling_blocks(pairs, camera, limits)
    if not len(noise):
        return None
    powers, seen = _spectra(noise), _spectra(structure)
    waves = np.abs(np.fft.fftfreq(SIDE, 1 / SIDE)) <= _COARSE
    coarse = seen[:, waves][:, :, waves].mean((1, 2))
    count = min(len(powers), max(_FEWEST, round(_FLATTEST * len(powers))))
    flat: Floats = powers[np.argpartition(coarse, count - 1)[:count]].mean(0)
    flat[0, 0] = (flat[0, 1] + flat[1, 0]) / 2  # as means were taken off
    rows, without_rows = _lines(flat)
    columns, rest = _lines(without_rows.T)
    grain = Grain(rest.T, rows, columns)
    neighbours = (grain.correlation(1, 0), grain.correlation(0, 1))
    return replace(grain, sampling=find_sampling(pairs, neighbours))


def _telling_blocks(
    pairs: Sequence[Pair], camera: CameraNoise, limits: tuple[float, ...]
) -> tuple[Floats, Floats]:
    """Return blocks of noise, and of structure: not those of filled margins, nor what is clipped.

    Both would be the flattest.
    """
    noise, structure, clipped = [], [], []
    for pair in pairs:
        clipped.append(_blocks(np.isin(pair.plane, limits)).mean((1, 2)))
        plane = stabilise(pair.plane.astype(np.float32), camera)
        beside = None if pair.beside is None else stabilise(pair.beside.astype(np.float32), camera)
        noise.append(_blocks(plane if beside is None else (plane - beside) / np.sqrt(2)))
        structure.append(_blocks(plane if beside is None else (plane + beside) / np.sqrt(2)))
    both = np.concatenate(noise), np.concatenate(structure)
    varies = np.all([np.ptp(blocks, axis=(1, 2)) > 0 for blocks in both], axis=0)
    complete = varies & (np.concatenate(clipped) <= _MOST_CLIPPED)
    taken = complete if np.count_nonzero(complete) >= _FEWEST else varies
    return both[0][taken], both[1][taken]


def _lines(spectrum: Floats) -> tuple[Floats, Floats]:
    """Tell what whole rows share, which the window leaks into the next waves, from all else.

    What varies smoothly from wave to wave, to the second order, is no lines.
    """
    around = [spectrum[:, k] for k in (-2, -1, 0, 1, 2)]
    sharp = np.tensordot((1, -4, 6, -4, 1), around, 1)
    power = np.maximum(sharp / (6 * _LEAK[0] - 8 * _LEAK[1]), 0)
    power[0] = (power[1] + power[-1]) / 2
    if power.mean() < _LEAST_LINES * spectrum.mean():
        return np.zeros(SIDE), spectrum
    rest = spectrum.copy()
    for wave in (-1, 0, 1):
        rest[:, wave] = np.maximum(rest[:, wave] - _LEAK[abs(wave)] * power, 0)
    rest[0, 0] = (rest[0, 2] + rest[2, 0]) / 2
    return power, rest


def _draw_lines(power: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Draw one value for each of so many lines."""
    waves = np.fft.rfftfreq(count) * SIDE
    amplitude = np.sqrt(np.interp(waves, np.arange(SIDE // 2 + 1), power[: SIDE // 2 + 1]))
    return np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) * amplitude, n=count)


def _blocks(plane: NDArray[Any]) -> Floats:
    """Cut a plane into blocks."""
    rows, columns = (side // SIDE for side in plane.shape)
    cut = plane[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE)
    return cut.swapaxes(1, 2).reshape(-1, SIDE, SIDE).astype(np.float64)


def _spectra(blocks: Floats) -> Floats:
    """Return the power of the waves of each block."""
    window = np.hanning(SIDE + 1)[:-1]
    window = window[:, np.newaxis] * window
    waves = np.fft.fft2((blocks - blocks.mean((1, 2), keepdims=True)) * window)
    power: Floats = np.abs(waves) ** 2 / (window**2).sum()
    return power


@lru_cache(maxsize=8)
def _amplitude(grain: Grain, shape: tuple[int, int]) -> Floats:
    """Return the amplitude of each wave of a patch, for `numpy.fft.rfft2`."""
    from scipy.ndimage import map_coordinates

    rows, columns = shape
    down = np.fft.fftfreq(rows) * SIDE
    right = np.fft.rfftfreq(columns) * SIDE
    places = np.meshgrid(down, right, indexing="ij")
    power = map_coordinates(grain.spectrum, places, order=1, mode="grid-wrap")
    amplitude: Floats = np.sqrt(np.maximum(power, 0))
    return amplitude
