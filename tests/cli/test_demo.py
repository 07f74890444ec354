from __future__ import annotations

import csv
from pathlib import Path

import pytest
import tifffile

from crispim_ij.evaluation.classics import is_installed
from crispim_ij.planes import open_source
from crispim_ij.training.shipped import phantoms
from tests.cli.conftest import Call

pytestmark = pytest.mark.long

SMALL = ("--planes", 3, "--height", 256, "--width", 320)
SMALLER = ("--planes", 3, "--height", 128, "--width", 160)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "a demo"


def test_the_whole_way(call: Call, folder: Path) -> None:
    answer = call("demo", folder, *SMALL)
    assert answer.status == 0, answer.err
    with open_source(folder / "denoised") as denoised:
        assert denoised.shape == (3, 64, 80)
        assert denoised.metadata.pixel_size == pytest.approx((5.2, 5.2))
        assert (denoised.metadata.z_step, denoised.metadata.unit) == (3.0, "µm")
    with (folder / "evaluation/summary.csv").open() as stream:
        psnr = {row["method"]: float(row["psnr"]) for row in csv.DictReader(stream)}
    assert {*psnr} - {"bm3d"} == {"crispim-2d", "tv", "noisy", "tv-tuned", "nlm-tuned"}
    assert ("bm3d" in psnr) == is_installed("bm3d")
    assert psnr["crispim-2d"] > psnr["tv"] > psnr["noisy"]
    assert psnr["tv-tuned"] >= psnr["tv"]
    assert str(folder / "evaluation/report.html") in answer.out
    assert "noise: sd" in answer.out + answer.err
    page = (folder / "evaluation/report.html").read_text(encoding="utf-8")
    assert "The specimen is simulated" in page
    assert ("A strong classic, BM3D, is not measured" in page) != is_installed("bm3d")


def test_the_specimen_is_none_that_a_model_was_trained_on(folder: Path) -> None:
    with open_source(folder / "specimen") as specimen:
        pixel_size, z_step = specimen.metadata.pixel_size, specimen.metadata.z_step
    assert pixel_size is not None
    for settings in phantoms().values():
        trained = settings.pixel_size
        assert not {trained, trained / 4} & {round(size, 6) for size in pixel_size}
        assert settings.z_step != z_step


def test_an_earlier_demo_is_not_replaced_unasked(call: Call, folder: Path) -> None:
    before = tifffile.imread(folder / "specimen/0000.tif")
    answer = call("demo", folder, *SMALL, "--seed", 1)
    assert answer.status == 2
    assert "--overwrite" in answer.err
    assert (tifffile.imread(folder / "specimen/0000.tif") == before).all()
    assert call("demo", folder, *SMALLER, "--seed", 1, "--overwrite").status == 0
    after = tifffile.imread(folder / "specimen/0000.tif")
    assert after.shape == (128, 160)
    assert (after != before[:128, :160]).any()


def test_a_demo_of_more_planes_is_not_mixed_in(call: Call, folder: Path) -> None:
    answer = call("demo", folder, "--planes", 2, *SMALL[2:], "--overwrite")
    assert answer.status == 2
    assert "specimen' holds files already: remove" in " ".join(answer.err.split())
