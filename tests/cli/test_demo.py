from __future__ import annotations

import csv
from pathlib import Path

import pytest
import tifffile

from crispim_ij.planes import open_source
from tests.cli.conftest import Call

SMALL = ("--planes", 2, "--height", 256, "--width", 320)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "a demo"


def test_the_whole_way(call: Call, folder: Path) -> None:
    answer = call("demo", folder, *SMALL)
    assert answer.status == 0, answer.err
    with open_source(folder / "denoised") as denoised:
        assert denoised.shape == (2, 64, 80)
        assert denoised.metadata.pixel_size == pytest.approx((7.2, 7.2))
        assert (denoised.metadata.z_step, denoised.metadata.unit) == (2.0, "µm")
    with (folder / "evaluation/summary.csv").open() as stream:
        psnr = {row["method"]: float(row["psnr"]) for row in csv.DictReader(stream)}
    assert list(psnr) == ["crispim-2d", "tv", "noisy", "cv2"]
    assert psnr["crispim-2d"] > psnr["tv"] > psnr["noisy"] > psnr["cv2"]
    assert str(folder / "evaluation/report.html") in answer.out
    assert "crispim-2d" in (folder / "evaluation/report.html").read_text(encoding="utf-8")


def test_an_earlier_demo_is_not_replaced_unasked(call: Call, folder: Path) -> None:
    before = tifffile.imread(folder / "specimen/0000.tif")
    answer = call("demo", folder, *SMALL, "--seed", 1)
    assert answer.status == 2
    assert "--overwrite" in answer.err
    assert (tifffile.imread(folder / "specimen/0000.tif") == before).all()
    assert call("demo", folder, *SMALL, "--seed", 1, "--overwrite").status == 0
    assert (tifffile.imread(folder / "specimen/0000.tif") != before).any()


def test_a_demo_of_more_planes_is_not_mixed_in(call: Call, folder: Path) -> None:
    answer = call("demo", folder, "--planes", 1, *SMALL[2:], "--overwrite")
    assert answer.status == 2
    assert "specimen holds other files" in " ".join(answer.err.split())
