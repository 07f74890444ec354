"""`CRISPIM_Compare.ijm` gives the figures of `crispim-ij evaluate`."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation.metrics import pearson, psnr, rmse
from crispim_ij.imagej import ImageJGateway
from tests.macros.conftest import MACROS, crispim_ij

MACRO = (MACROS / "CRISPIM_Compare.ijm").read_text()
CLEAN = np.random.default_rng(0).gamma(2, 60, (3, 42, 63)).astype(np.uint16)
NOISE = np.random.default_rng(1).normal(0, 30, CLEAN.shape)
BRIGHT = np.full((2, 2, 30, 40), 60000) + np.random.default_rng(2).normal(0, 4, (2, 2, 30, 40))


def figures(path: Path) -> list[list[float]]:
    with path.open() as stream:
        return [
            [float(row[key]) for key in ("psnr", "rmse", "pcc")] for row in csv.DictReader(stream)
        ]


def write(path: Path, stack: NDArray[Any]) -> Path:
    axes = "TZCYX"[-stack.ndim :]
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": axes, "mode": "composite"})
    return path


@pytest.mark.parametrize(
    ("clean", "result", "data_range"),
    [
        (CLEAN, (CLEAN + NOISE).clip(0).astype(np.uint16), 65535.0),
        (CLEAN, (CLEAN + NOISE).astype(np.float32), 1000.5),
        (CLEAN[0].clip(0, 255).astype(np.uint8), CLEAN[1], 255.0),
        (BRIGHT.astype(np.uint16), (BRIGHT + 3).astype(np.uint16), 65535.0),
        (BRIGHT.astype(np.float32), BRIGHT.astype(np.uint16), 65535.0),
        (CLEAN[0], CLEAN[0], 65535.0),
        (np.full((9, 9), 7, np.uint16), CLEAN[0, :9, :9], 65535.0),
    ],
    ids=["16-bit", "float", "8-bit", "bright", "bright float", "equal", "constant"],
)
def test_equals_the_metrics(
    imagej: ImageJGateway,
    tmp_path: Path,
    clean: NDArray[Any],
    result: NDArray[Any],
    data_range: float,
) -> None:
    first, second = write(tmp_path / "a.tif", clean), write(tmp_path / "b.tif", result)
    imagej.run_macro(
        MACRO,
        f"clean={first}\nresult={second}\ndata_range={data_range}\noutput={tmp_path / 'o.csv'}",
    )
    pairs = zip(*(x.reshape(-1, *x.shape[-2:]) for x in (clean, result)), strict=True)
    expected = [(psnr(a, b, data_range), rmse(a, b), pearson(a, b)) for a, b in pairs]
    np.testing.assert_allclose(figures(tmp_path / "o.csv"), expected, rtol=0, atol=1e-6)


@pytest.mark.long
def test_equals_the_command(imagej: ImageJGateway, tmp_path: Path) -> None:
    first = write(tmp_path / "clean.tif", CLEAN)
    second = write(tmp_path / "result.tif", (CLEAN + NOISE).clip(0).astype(np.uint16))
    out = tmp_path / "out"
    crispim_ij("evaluate", first, "--result", f"x={second}", "--planes", 3, "--out", out)
    imagej.run_macro(
        "lines = split(getArgument(), '\\n'); open(lines[0]); makeRectangle(1, 1, 5, 5);"
        "open(lines[1]); setSlice(2);",
        f"{first}\n{second}",
    )
    answer = imagej.run_macro(MACRO, f"clean=clean.tif\nresult=result.tif\noutput={tmp_path}/o.csv")
    expected = figures(out / "evaluation.csv")
    found = figures(tmp_path / "o.csv")
    np.testing.assert_allclose(sorted(found), sorted(expected), rtol=0, atol=1e-6)
    means = np.mean(found, axis=0)
    assert answer == (
        f"CRISPIM_Compare: PSNR={means[0]:.2f} dB, RMSE={means[1]:.2f} counts, "
        f"PCC={means[2]:.4f}, means over 3 planes"
    )


def test_the_table_and_the_images_as_they_were(imagej: ImageJGateway, tmp_path: Path) -> None:
    first = write(tmp_path / "a.tif", CLEAN)
    second = write(tmp_path / "b.tif", CLEAN + np.uint16(2))
    imagej.run_macro(
        "lines = split(getArgument(), '\\n'); open(lines[0]); makeRectangle(1, 1, 5, 6);"
        "setSlice(2); open(lines[1]);",
        f"{first}\n{second}",
    )
    imagej.run_macro(MACRO, "clean=a.tif\nresult=b.tif")
    said = imagej.run_macro(
        'selectImage("a.tif"); getSelectionBounds(x, y, w, h);'
        'return "" + nImages + "," + h + "," + getSliceNumber() + "," + nResults + ","'
        '+ getResultLabel(0) + "," + getResultString("RMSE (counts)", 3) + ","'
        '+ getResultLabel(3) + "," + getResultString("PCC", 0);'
    )
    assert said == "2,6,2,4,b.tif plane 1,2.0000,b.tif mean,1.000000"


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (CLEAN[:2], "not of one size, but 63 x 42 px, 3 planes and 63 x 42 px, 2 planes"),
        (np.where(CLEAN > 300, np.nan, CLEAN).astype(np.float32), "NaN or infinite"),
        (CLEAN.astype(np.int16), "are calibrated, as those of signed 16-bit"),
        (np.zeros((3, 42, 63, 3), np.uint8), "is RGB"),
    ],
)
def test_images_that_cannot_be_compared(
    imagej: ImageJGateway, tmp_path: Path, result: NDArray[Any], words: str
) -> None:
    first = write(tmp_path / "a.tif", CLEAN)
    tifffile.imwrite(
        tmp_path / "b.tif", result, photometric="rgb" if result.ndim == 4 else "minisblack"
    )
    with pytest.raises(CrispimError) as caught:
        imagej.run_macro(MACRO, f"clean={first}\nresult={tmp_path}/b.tif\noutput={tmp_path}/o.csv")
    assert words in str(caught.value)
    assert not (tmp_path / "o.csv").exists()
    assert imagej.run_macro('return "" + nImages + "," + nResults;') == "0,0"


def test_wrong_options(imagej: ImageJGateway, tmp_path: Path) -> None:
    first = write(tmp_path / "a.tif", CLEAN)
    (tmp_path / "o.csv").write_text("mine")
    for argument, words in (
        ("result=a.tif", "No image is named (clean)"),
        (f"clean={first}\nresult=b.tif", "(result) is neither open nor a file"),
        (f"clean={first}\nresult={first}\ndata_range=0", "The range 0 (data_range)"),
        (f"clean={first}\nresult={first}\noutput={tmp_path}/o.csv", "o.csv exists already"),
    ):
        with pytest.raises(CrispimError) as caught:
            imagej.run_macro(MACRO, argument)
        assert words in str(caught.value)
    imagej.run_macro("open(getArgument()); open(getArgument());", str(first))
    with pytest.raises(CrispimError, match=r"Several open images are called a\.tif"):
        imagej.run_macro(MACRO, "clean=a.tif\nresult=a.tif")
