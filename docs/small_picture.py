"""Pictures of few greys, because noise packs badly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from imagecodecs import png_encode
from PIL import Image

GREYS = 32
LARGEST = 300_000


def write_small(image: Image.Image, picture: Path) -> None:
    """Write an image as PNG in evenly spaced greys.

    Parameters
    ----------
    image : Image
        Of any mode.
    picture : Path
        The file.
    """
    steps = np.rint(np.asarray(image.convert("L"), np.float32) * ((GREYS - 1) / 255))
    greys = np.rint(steps * (255 / (GREYS - 1))).astype(np.uint8)
    picture.write_bytes(png_encode(greys, 9))
    if picture.stat().st_size > LARGEST:
        raise SystemExit(f"{picture} is larger than {LARGEST} bytes.")
    print(picture, picture.stat().st_size)
