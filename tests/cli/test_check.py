from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.cli import check as command
from crispim_ij.parity import NativeImageJ, Plane
from tests.cli.conftest import Call


@pytest.fixture(autouse=True)
def _no_fiji(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRISPIM_FIJI", raising=False)


class OffByOne(NativeImageJ):
    """Adds 1 to a pixel after noise."""

    def noise(self, plane: Plane, sd: float, seed: int | None = None) -> Plane:
        noisy = super().noise(plane, sd, seed)
        noisy[2, 3] += 1
        return noisy


@pytest.mark.long
def test_hard_cases(call: Call) -> None:
    answer = call("fiji", "check")
    assert answer.status == 0, answer.err
    assert "identical: 216 comparisons" in answer.out
    assert "ImageJ 1.53q (embedded)" in answer.out
    assert call("preprocess", "--check").out == answer.out


def test_planes_of_the_user(call: Call, noisy: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    every_method = call("fiji", "check", noisy).out
    assert every_method.startswith("identical: 18 comparisons of 2700 pixels")
    chosen = call("preprocess", noisy, "--check", "--factor", 2, "--seed-stack", "--seed", -3).out
    assert chosen.startswith("identical: 3 comparisons of 1800 pixels")
    assert sorted(tmp_path.iterdir()) == before


def test_a_stack_is_sampled_over_its_length(call: Call, tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (30, 20, 24), np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    answer = call("preprocess", tmp_path / "stack.tif", "--check", "--noise-sd", "0:20")
    assert answer.out.startswith("identical: 5 comparisons of 150 pixels")


def test_a_difference_is_shown(call: Call, noisy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "NativeImageJ", OffByOne)
    answer = call("preprocess", noisy, "--check", "--seed", 0)
    assert answer.status == 1
    expected = NativeImageJ()
    plane = tifffile.imread(noisy / "0.tif")
    small = expected.resize(plane, 15, 10, command.Interpolation.BILINEAR, True)
    value = expected.noise(small, 30, 0)[2, 3]
    assert answer.out.startswith(
        "different: 0.tif resized to 15 x 10 px (bilinear, averaged), after noise: "
        f"first at x = 3, y = 2, where native gives {value + 1}"
    )
    assert f"ImageJ 1.53q (embedded) {value}; in all 1 of 150 pixels" in answer.out


def test_another_version_is_said(call: Call, noisy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "IMAGEJ_VERSION", "1.52a")
    answer = call("preprocess", noisy, "--check")
    assert "ImageJ 1.53q (embedded) is not 1.52a" in answer.out
    assert "identical" in answer.out
