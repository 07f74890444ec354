"""Make docs/images/preview.png: what `crispim-ij preview` draws of a simulated specimen.

python docs/make_preview_picture.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from small_picture import write_small

from crispim_ij.cli.preview import preview
from crispim_ij.phantom import PhantomSettings, simulate_volume

PICTURE = Path(__file__).parent / "images" / "preview.png"
SHAPE = (1, 800, 1000)
NOISE_SD = 30
WIDTH = 960


def main(picture: Path = PICTURE, shape: tuple[int, int, int] = SHAPE) -> None:
    """Simulate a noisy plane and preview it."""
    clean = simulate_volume(PhantomSettings(shape=shape))
    noise = np.random.default_rng(0).normal(0, NOISE_SD, clean.shape)
    noisy = np.clip(np.rint(clean + noise), 0, 65535).astype(np.uint16)
    with tempfile.TemporaryDirectory() as scratch:
        tifffile.imwrite(Path(scratch) / "scan.tif", noisy[0])
        preview(Path(scratch) / "scan.tif", out=picture, overwrite=True)
    make_small(picture)


def make_small(picture: Path) -> None:
    """Make a picture smaller, of few greys: noise packs badly."""
    whole = Image.open(picture)
    size = (WIDTH, round(whole.height * WIDTH / whole.width))
    write_small(whole.convert("L").resize(size, Image.Resampling.LANCZOS), picture)


if __name__ == "__main__":
    main()
