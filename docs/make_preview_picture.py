"""Make docs/images/preview.png: what `crispim-ij preview` draws of a simulated specimen.

python docs/make_preview_picture.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import tifffile

from crispim_ij.cli.preview import preview
from crispim_ij.phantom import PhantomSettings, simulate_volume

PICTURE = Path(__file__).parent / "images" / "preview.png"
SHAPE = (1, 800, 1000)
NOISE_SD = 30


def main() -> None:
    """Simulate a noisy plane and preview it."""
    clean = simulate_volume(PhantomSettings(shape=SHAPE))
    noise = np.random.default_rng(0).normal(0, NOISE_SD, clean.shape)
    noisy = np.clip(np.rint(clean + noise), 0, 65535).astype(np.uint16)
    with tempfile.TemporaryDirectory() as scratch:
        tifffile.imwrite(Path(scratch) / "scan.tif", noisy[0])
        preview(Path(scratch) / "scan.tif", out=PICTURE)


if __name__ == "__main__":
    main()
