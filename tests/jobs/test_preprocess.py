from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from crispim_ij.imagej import open_gateway
from crispim_ij.jobs import Output, plan_preprocessing, preprocess_locally
from crispim_ij.parity import Engine, Interpolation, NativeImageJ
from crispim_ij.planes import open_source
from crispim_ij.preprocessing import PreprocessSettings, record_path, target_size, write_record
from tests.imagej.reference import Noise, Size, start_reference
from tests.peak import peak_kilobytes

DATA = os.environ.get("CRISPIM_DATA")
DEV_STACKS = sorted((Path(DATA) / "dev").glob("*.tif")) if DATA else []


def write_stack(path: Path, dtype: Any = np.uint16, shape: tuple[int, ...] = (5, 42, 63)) -> Path:
    stack = np.random.default_rng(1).gamma(2, 60, shape).astype(dtype)
    tifffile.imwrite(path, stack, photometric="minisblack")
    return path


@pytest.fixture(params=["native", "embedded"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return NativeImageJ() if request.param == "native" else open_gateway()


def run(
    source: Path,
    output: Path,
    settings: PreprocessSettings,
    clean: Path | None = None,
    engine: Engine | None = None,
    workers: int = 2,
) -> dict[str, Any]:
    with open_source(source) as planes:
        outputs = [Output(path) for path in (output, clean) if path is not None]
        job = plan_preprocessing(planes, outputs, settings, lambda: engine or NativeImageJ())
        for _ in preprocess_locally(job, workers):
            pass
        return job.record()


def as_macro(settings: PreprocessSettings, shape: tuple[int, int]) -> Size:
    height, width = target_size(shape, settings.factor)
    name = settings.interpolation.value.capitalize()
    return Size(width, height, name, settings.average, constrain=True)


def compare_with_macros(
    source: Path, output: Path, settings: PreprocessSettings, engine: Engine
) -> None:
    """Every pixel against a separate ImageJ: noise per plane, clean planes, one stream."""
    stack: NDArray[Any] = tifffile.imread(source)
    size = as_macro(settings, stack.shape[1:])
    record = run(source, output / "a.tif", settings, output / "clean.tif", engine)
    noise = [Noise(plane["sd"], plane["seed"]) for plane in record["noise"]["planes"]]
    reference = start_reference()
    np.testing.assert_array_equal(
        tifffile.imread(output / "a.tif"), reference.process_stack(stack, size, noise)
    )
    np.testing.assert_array_equal(
        tifffile.imread(output / "clean.tif"), reference.process_stack(stack, size, None)
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    "settings",
    [
        PreprocessSettings(seed=3),
        PreprocessSettings(3, Interpolation.NONE, noise_sd=(30, 40), seed=-2),
        PreprocessSettings(2.5, Interpolation.BICUBIC, False, (12.5, 12.5), 2**31 - 5),
    ],
)
def test_planes_equal_the_macros(
    tmp_path: Path, engine: Engine, dtype: Any, settings: PreprocessSettings
) -> None:
    source = write_stack(tmp_path / "in.tif", dtype)
    compare_with_macros(source, tmp_path / "out", settings, engine)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_seed_stack_equals_one_macro_command(tmp_path: Path, engine: Engine, dtype: Any) -> None:
    source = write_stack(tmp_path / "in.tif", dtype)
    settings = PreprocessSettings(seed=11, seed_stack=True)
    record = run(source, tmp_path / "out.tif", settings, engine=engine)
    stack = tifffile.imread(source)
    theirs = start_reference().process_stack(stack, as_macro(settings, (42, 63)), Noise(30, 11))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), theirs)
    assert [plane["seed"] for plane in record["noise"]["planes"]] == [11, None, None, None, None]


@pytest.mark.skipif(not DEV_STACKS, reason="CRISPIM_DATA is not set")
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("path", DEV_STACKS, ids=lambda path: path.stem)
def test_real_stacks_equal_the_macros(
    tmp_path: Path, engine: Engine, path: Path, dtype: Any
) -> None:
    stack: NDArray[Any] = tifffile.imread(path)
    if dtype == np.uint8:
        stack = np.clip(stack // 16, 0, 255)
    tifffile.imwrite(tmp_path / "in.tif", stack.astype(dtype), photometric="minisblack")
    settings = PreprocessSettings(noise_sd=(30, 40), seed=2023)
    compare_with_macros(tmp_path / "in.tif", tmp_path / "out", settings, engine)


@pytest.mark.parametrize("stack", [False, True])
def test_workers_change_nothing(tmp_path: Path, engine: Engine, stack: bool) -> None:
    source = write_stack(tmp_path / "in.tif", shape=(13, 42, 63))
    settings = PreprocessSettings(noise_sd=(30, 40), seed=5, seed_stack=stack)
    results = []
    for workers in (1, 2, 7):
        output = tmp_path / f"{workers}.tif"
        run(source, output, settings, engine=engine, workers=workers)
        results.append(output.read_bytes())
    assert results[0] == results[1] == results[2]


def test_a_plane_can_be_made_again_alone(tmp_path: Path) -> None:
    source = write_stack(tmp_path / "in.tif")
    run(source, tmp_path / "all.tif", PreprocessSettings(noise_sd=(30, 40), seed=100))
    tifffile.imwrite(tmp_path / "third.tif", tifffile.imread(source)[3], photometric="minisblack")
    alone = PreprocessSettings(noise_sd=(30, 40), seed=103)
    run(tmp_path / "third.tif", tmp_path / "alone.tif", alone)
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "alone.tif").squeeze(),
        tifffile.imread(tmp_path / "all.tif")[3],
    )


def test_without_noise_the_result_is_the_clean_one(tmp_path: Path) -> None:
    source = write_stack(tmp_path / "in.tif")
    run(source, tmp_path / "out.tif", PreprocessSettings(noise_sd=(0, 0)), tmp_path / "clean.tif")
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "out.tif"), tifffile.imread(tmp_path / "clean.tif")
    )


def test_a_drawn_seed_is_recorded_and_repeats_the_run(tmp_path: Path) -> None:
    source = write_stack(tmp_path / "in.tif")
    first = run(source, tmp_path / "1.tif", PreprocessSettings())
    second = run(source, tmp_path / "2.tif", PreprocessSettings(seed=first["noise"]["seed"]))
    assert first == second
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "1.tif"), tifffile.imread(tmp_path / "2.tif")
    )
    assert run(source, tmp_path / "3.tif", PreprocessSettings()) != first


def test_the_record(tmp_path: Path, engine: Engine) -> None:
    source = write_stack(tmp_path / "in.tif", shape=(2, 20, 30))
    record = run(source, tmp_path / "out", PreprocessSettings(seed=7), engine=engine)
    assert record["imagej"] == {"version": "1.53q", "engine": engine.engine}
    assert record["input"] == str(source)
    assert record["size"] == {
        "factor": 4.0,
        "width": 8,
        "height": 5,
        "interpolation": "bilinear",
        "average": True,
    }
    assert record["noise"] == {
        "sd": [30.0, 30.0],
        "seed": 7,
        "seeding": "plane",
        "planes": [
            {"name": "in_0000.tif", "sd": 30.0, "seed": 7},
            {"name": "in_0001.tif", "sd": 30.0, "seed": 8},
        ],
    }
    path = write_record(record, tmp_path / "out")
    assert path == tmp_path / "out" / "crispim-preprocess.json"
    assert json.loads(path.read_text()) == record
    write_record(record, tmp_path / "out", noisy=False)
    assert json.loads(path.read_text())["noise"] is None
    assert record_path(tmp_path / "a.tif") == tmp_path / "a.tif.crispim-preprocess.json"
    with open_source(tmp_path / "out") as planes:
        assert len(planes) == 2


PEAK = """
import sys
from pathlib import Path
from crispim_ij.jobs import Output, plan_preprocessing, preprocess_locally
from crispim_ij.parity import NativeImageJ
from crispim_ij.planes import open_source
from crispim_ij.preprocessing import PreprocessSettings
with open_source(Path(sys.argv[1])) as planes:
    outputs = [Output(Path(sys.argv[2]))]
    job = plan_preprocessing(planes, outputs, PreprocessSettings(seed=1), NativeImageJ)
    for _ in preprocess_locally(job, 2):
        pass
"""


def test_memory_does_not_grow_with_planes(tmp_path: Path) -> None:
    peaks = []
    for planes in (20, 500):
        folder = tmp_path / f"in{planes}"
        folder.mkdir()
        for index in range(planes):
            tifffile.imwrite(folder / f"{index}.tif", np.full((256, 256), index, np.uint16))
        peaks.append(peak_kilobytes(PEAK, folder, tmp_path / f"out{planes}"))
    assert peaks[1] - peaks[0] < 480 * 256 * 256 * 2 / 1024 / 10
