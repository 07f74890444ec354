"""The pictures of docs/ are made by scripts, and are small."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import imagecodecs
import numpy as np
import pytest
import tifffile

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs/images"
LARGEST = 300_000

Script = Callable[[str], ModuleType]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Imports a script of docs/ as it imports its own helper: by name."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    return importlib.import_module


def test_every_picture_is_small_and_shown_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    pictures = [*IMAGES.glob("*.png"), *IMAGES.glob("*.gif")]
    assert len(pictures) >= 10
    for path in pictures:
        assert path.stat().st_size <= LARGEST, path.name
        assert f"images/{path.name})" in text, path.name


def test_every_tutorial_ends_with_a_picture() -> None:
    for page in (ROOT / "docs/tutorials").glob("*.md"):
        last = page.read_text(encoding="utf-8").strip().splitlines()[-6:]
        assert any(re.match(r"!\[.+\]\(\.\./images/.+\.png\)$", line) for line in last), page.name


@pytest.mark.long
def test_the_preview_is_made(script: Script, tmp_path: Path) -> None:
    made = tmp_path / "preview.png"
    script("make_preview_picture").main(made, (1, 128, 160))
    assert imagecodecs.imread(str(made)).shape[1] == 960


def test_a_tutorial_is_drawn(script: Script, tmp_path: Path) -> None:
    pictures = script("make_tutorial_pictures")
    plane = np.random.default_rng(0).integers(50, 200, (64, 80), np.uint16)
    for name in ("noisy", "clean", "denoised"):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "0.tif", plane)
    pictures.draw(tmp_path / "drawn.png", tmp_path, tmp_path / "denoised", 60)
    assert imagecodecs.imread(str(tmp_path / "drawn.png")).shape[:2] == (60 + 24, 3 * 60 + 16)


def test_the_readmes_picture_slides(script: Script, tmp_path: Path) -> None:
    made = tmp_path / "readme.gif"
    before, after = np.full((90, 120), 100, np.float32), np.full((90, 120), 400, np.float32)
    script("make_readme_picture").draw(before, after, (100, 500), made)
    frames = imagecodecs.imread(str(made), index=None)
    assert len(frames) == 16
    assert frames[0].shape[:2] == (180, 240)


@pytest.mark.slow
def test_tutorials_are_drawn(script: Script, tmp_path: Path) -> None:
    pictures = script("make_tutorial_pictures")
    size = pictures.Size(
        planes=4, height=512, width=640, steps=4, blind_steps=4, batch=2, patch=32, side=60
    )
    pictures.main(tmp_path, size)
    for name in ("denoise", "train", "blind"):
        picture = imagecodecs.imread(str(tmp_path / f"tutorial-{name}.png"))
        assert picture.shape[:2] == (60 + 24, 3 * 60 + 16)
