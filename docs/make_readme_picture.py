"""Make docs/images/readme.gif: real tissue before and after, one sliding over the other.

    python docs/make_readme_picture.py DATA/brainreg-brain.tif [--model crispim-2d]

The stack is a whole mouse brain that no model that ships was trained on: brainglobe/brainreg,
tests/data/input/brain, BSD-3-Clause (c) 2020 University College London. Its planes are brought to
the paper's 100 to 500 counts, and noise of sd 35 is added to them. Prints the error in counts
before and after.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from crispim_ij import denoise

PICTURE = Path(__file__).parent / "images" / "readme.gif"
BLACK_LEVEL, COUNTS_A_GREY_VALUE = 4, 1.52
NOISE_SD = 35
AROUND = 2
"""Planes on each side of the shown one, which 3D models look at."""

ENLARGED = 2
GREYS = 32
STEPS = 16
LARGEST = 500_000

Plane = NDArray[np.float32]


def main(stack: Path, model: str, picture: Path = PICTURE) -> None:
    """Make the picture of a stack's middle plane."""
    planes = tifffile.imread(stack)
    middle = len(planes) // 2
    near = planes[max(0, middle - AROUND) : middle + AROUND + 1].astype(np.float32)
    clean = 100 + COUNTS_A_GREY_VALUE * (near - BLACK_LEVEL)
    noise = np.random.default_rng(0).normal(0, NOISE_SD, clean.shape)
    noisy = np.clip(np.rint(clean + noise), 0, 65535).astype(np.uint16)
    denoised = denoise(noisy, model, dtype="float32")
    before, after, truth = (
        some[len(near) // 2].astype(np.float32) for some in (noisy, denoised, clean)
    )
    print("error in counts:", *(f"{rms(one - truth):.1f}" for one in (before, after)))
    draw(before, after, np.percentile(truth, (0.5, 99.5)), picture)


def rms(error: Plane) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(error))))


def draw(before: Plane, after: Plane, black_white: Sequence[float], picture: Path) -> None:
    """Let a line with `after` on its left slide over `before` and back."""
    left, right = (to_greys(plane, black_white) for plane in (after, before))
    phase = np.linspace(0, 2 * np.pi, STEPS, endpoint=False)
    places = np.rint(left.shape[1] * (0.5 - 0.5 * np.cos(phase))).astype(int)
    frames = [frame(left, right, place) for place in places]
    frames[0].save(
        picture, save_all=True, append_images=frames[1:], duration=200, loop=0, optimize=True
    )
    if picture.stat().st_size > LARGEST:
        raise SystemExit(f"{picture} is larger than {LARGEST} bytes.")
    print(picture, picture.stat().st_size)


def to_greys(plane: Plane, black_white: Sequence[float]) -> NDArray[np.uint8]:
    """Return evenly spaced greys, of few values because noise packs badly."""
    low, high = black_white
    steps = np.rint(np.clip((plane - low) / (high - low), 0, 1) * (GREYS - 1))
    greys: NDArray[np.uint8] = np.rint(steps * (255 / (GREYS - 1))).astype(np.uint8)
    return greys.repeat(ENLARGED, 0).repeat(ENLARGED, 1)


def frame(left: NDArray[np.uint8], right: NDArray[np.uint8], place: int) -> Image.Image:
    """Return one picture left of a column and the other right of it."""
    joined = np.concatenate((left[:, :place], right[:, place:]), axis=1)
    whole = Image.fromarray(joined)
    pen = ImageDraw.Draw(whole)
    pen.line(((place, 0), (place, whole.height)), fill=255)
    if place > 70:
        pen.text((6, 6), "denoised", fill=255)
    if whole.width - place > 50:
        pen.text((whole.width - 36, 6), "noisy", fill=255)
    return whole


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stack", type=Path)
    parser.add_argument("--model", default="crispim-2d")
    options = parser.parse_args()
    main(options.stack, options.model)
