"""Make docs/images/tutorial-*.png: what the tutorials' models make of a simulated specimen.

    python docs/make_tutorial_pictures.py [denoise] [train] [blind]

Makes all of them where none is named. The commands are those of the tutorials, with more steps.
Takes some ten minutes on two cores, a minute or two for `denoise` alone.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from small_picture import write_small

IMAGES = Path(__file__).parent / "images"
NAMES = ("denoise", "train", "blind")


@dataclass(frozen=True)
class Size:
    """How large specimens are and how long models train.

    Attributes
    ----------
    planes, height, width : int
        Of a specimen before it is downsampled four times.
    steps, blind_steps : int
        Of training with clean planes, whose slower average needs more, and without.
    batch, patch : int
        Of a training run.
    side : int
        Of the square that is shown, in px.
    """

    planes: int = 4
    height: int = 1600
    width: int = 2000
    steps: int = 2000
    blind_steps: int = 400
    batch: int = 8
    patch: int = 64
    side: int = 260


def main(images: Path = IMAGES, size: Size | None = None, names: Sequence[str] = NAMES) -> None:
    """Make pictures."""
    size = size or Size()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        specimen = make_demo(folder / "specimen", 0, size)
        for name in names:
            planes = denoised(name, folder, specimen, size)
            draw(images / f"tutorial-{name}.png", specimen, planes, size.side)


def denoised(name: str, folder: Path, specimen: Path, size: Size) -> Path:
    """Return a folder of the specimen's planes, denoised as a tutorial does."""
    if name == "denoise":
        return specimen / "denoised"
    make = {"train": trained, "blind": blind}[name]
    return make(folder, specimen, size)


def make_demo(folder: Path, seed: int, size: Size) -> Path:
    """Simulate a specimen with clean, noisy and denoised planes."""
    shape = f"--planes {size.planes} --height {size.height} --width {size.width}"
    crispim(f"demo {folder} {shape} --seed {seed}")
    return folder


def trained(folder: Path, specimen: Path, size: Size) -> Path:
    """Train on another specimen's clean planes, and denoise."""
    other = make_demo(folder / "other", 1, size)
    given = f"--clean {other / 'clean'} --steps {size.steps}"
    return train_and_denoise(folder / "train", given, specimen, size)


def blind(folder: Path, specimen: Path, size: Size) -> Path:
    """Train on the specimen's own noisy planes, and denoise them."""
    given = f"--recipe blind --noisy {specimen / 'noisy'} --steps {size.blind_steps}"
    return train_and_denoise(folder / "blind", given, specimen, size)


def train_and_denoise(folder: Path, given: str, specimen: Path, size: Size) -> Path:
    """Train a model, and denoise a specimen's noisy planes with it."""
    run = f"--batch {size.batch} --patch {size.patch} --sample-every 0"
    crispim(f"train {folder / 'model'} {given} {run}")
    crispim(f"denoise {specimen / 'noisy'} {folder / 'planes'} --model {folder / 'model'}")
    return folder / "planes"


def crispim(command: str) -> None:
    """Run a command of crispim-ij."""
    program = Path(sys.executable).parent / "crispim-ij"
    subprocess.run([str(program), *command.split()], check=True)  # noqa: S603 - constant commands


def draw(picture: Path, specimen: Path, denoised: Path, side: int) -> None:
    """Draw the middle of a plane noisy, denoised and clean, in pixels of its own."""
    panels = {
        "noisy": middle(specimen / "noisy", side),
        "denoised": middle(denoised, side),
        "clean": middle(specimen / "clean", side),
    }
    low, high = np.percentile(panels["clean"], (0.5, 99))
    figure = Figure(figsize=((3 * side + 16) / 100, (side + 24) / 100), dpi=100)
    for number, (name, plane) in enumerate(panels.items()):
        left, width = number * (side + 8) / (3 * side + 16), side / (3 * side + 16)
        axes = figure.add_axes((left, 0, width, side / (side + 24)))
        axes.imshow(plane, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(name, fontsize=9, pad=4)
    whole = io.BytesIO()
    figure.savefig(whole, format="png")
    write_small(Image.open(whole), picture)


def middle(folder: Path, side: int) -> NDArray[np.uint16]:
    """Return the square in the middle of a folder's middle plane."""
    names = sorted(folder.glob("*.tif"))
    plane: NDArray[np.uint16] = tifffile.imread(names[len(names) // 2])
    top, left = ((length - side) // 2 for length in plane.shape)
    return plane[top : top + side, left : left + side]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="denoise, train or blind")
    main(names=parser.parse_args().names or NAMES)
