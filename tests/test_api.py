from __future__ import annotations

import doctest
import inspect
import subprocess
import sys
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

import crispim_ij
from crispim_ij import api
from crispim_ij.cli import denoise as cli_denoise
from crispim_ij.cli import evaluate as cli_evaluate
from crispim_ij.cli import preprocess as cli_preprocess
from crispim_ij.cli.options import parse_noise_sd
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model
from crispim_ij.noise import MEASURED, CameraNoise, tell_noise
from crispim_ij.planes import create_sink, open_source
from crispim_ij.planes.arrays import ArraySource
from tests.made import copy_model, fresh_model
from tests.told import told_model

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def model() -> Model:
    return fresh_model("residual-2d")


@pytest.fixture(scope="module")
def deep_model() -> Model:
    return fresh_model("residual-2.5d")


@pytest.fixture(scope="module")
def stack() -> NDArray[np.uint16]:
    return np.random.default_rng(0).integers(50, 500, (3, 50, 75), np.uint16)


@pytest.mark.long
def test_examples() -> None:
    pytest.importorskip("dask.array")
    for name in ("denoise", "preprocess", "train", "evaluate", "load_model"):
        found = doctest.DocTestFinder().find(getattr(api, name), name, globs=vars(api).copy())
        for test in found:
            assert doctest.DocTestRunner().run(test) == (0, len(test.examples))
            assert test.examples


def test_only_models_that_are_told_the_noise_are_adapted(
    model: Model, stack: NDArray[np.uint16], tmp_path: Path
) -> None:
    with pytest.raises(CrispimError, match="guesses the noise, and only models that are told it"):
        crispim_ij.adapt(stack, tmp_path / "mine", model)
    told = told_model(tmp_path / "told")
    with pytest.raises(CrispimError, match="exists already"):
        crispim_ij.adapt(stack, told.folder, told)
    with (
        pytest.warns(UserWarning, match="The planes are constant"),
        pytest.raises(CrispimError, match=r"can't be measured.*--noise"),
    ):
        crispim_ij.adapt(np.zeros((3, 40, 40), np.uint16), tmp_path / "mine", told)
    assert not (tmp_path / "mine").exists()


def test_rooms_do_not_hide_the_functions() -> None:
    script = (
        "import pkgutil, crispim_ij\n"
        "rooms = {room.name for room in pkgutil.iter_modules(crispim_ij.__path__)}\n"
        "assert not rooms & set(crispim_ij.__all__), rooms\n"
        "import crispim_ij.cli.main, crispim_ij.preprocessing, crispim_ij.denoising\n"
        "import numpy as np\n"
        "print(crispim_ij.preprocess(np.ones((8, 8), np.uint8), noise_sd=0).tolist())\n"
        "print(callable(crispim_ij.denoise), callable(crispim_ij.evaluate))\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout.split("\n")[:2] == ["[[1, 1], [1, 1]]", "True True"], result.stderr


def test_the_package_loads_nothing_heavy() -> None:
    heavy = ("numpy", "tensorflow", "keras", "rich", "dask")
    script = (
        "import sys, crispim_ij\n"
        "assert set(crispim_ij.__all__) <= set(dir(crispim_ij))\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert said.stdout.decode().strip() == "[]"


def test_the_package_offers_the_api() -> None:
    for name in crispim_ij.__all__:
        offered = getattr(crispim_ij, name)
        assert name == "__version__" or offered is getattr(api, name)
    with pytest.raises(AttributeError, match="has no attribute 'unknown'"):
        _ = crispim_ij.unknown


@pytest.mark.parametrize("job", ["denoise", "preprocess"])
def test_options_are_those_of_the_command_line(job: str) -> None:
    command = {
        "denoise": cli_denoise.denoise,
        "preprocess": cli_preprocess.preprocess,
        "evaluate": cli_evaluate.evaluate,
    }[job]
    theirs = inspect.signature(command).parameters
    ours = inspect.signature(getattr(api, job)).parameters
    # The command line writes errors to a place, and chooses the workers by --cluster.
    own = {"image", "on_done", "uncertainty", "workers"}
    for name in set(ours) - own:
        assert _plain(ours[name].default) == _plain(theirs[name].default), name


@pytest.fixture(
    scope="module",
    params=["stabilised-2d", pytest.param("stabilised-2.5d", marks=pytest.mark.long)],
)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Each model that is told the noise."""
    return told_model(tmp_path_factory.mktemp("models") / request.param, request.param)


@pytest.fixture(scope="module")
def grainy() -> NDArray[np.uint16]:
    """Planes with Gaussian noise of 30 counts."""
    return np.random.default_rng(0).normal(300, 30, (3, 64, 75)).round().astype(np.uint16)


def test_the_noise_is_measured(told: Model, grainy: NDArray[np.uint16]) -> None:
    (noise,) = tell_noise(ArraySource(grainy), MEASURED).channels
    assert noise.read_noise == pytest.approx(30, rel=0.05)
    measured = api.denoise(grainy, told)
    np.testing.assert_array_equal(measured, api.denoise(grainy, told, noise=noise))
    assert np.abs(measured - grainy.astype(float)).std() > 3


def test_the_noise_may_be_told_in_four_ways(told: Model, grainy: NDArray[np.uint16]) -> None:
    first, *others = (
        api.denoise(grainy, told, noise=noise, dtype="float32")
        for noise in (30, 30.0, np.float64(30), "30", "0:0:30", CameraNoise(0, 0, 30))
    )
    for other in others:
        np.testing.assert_array_equal(other, first)
    stronger = api.denoise(grainy, told, noise=30, strength=1.5, dtype="float32")
    np.testing.assert_array_equal(stronger, api.denoise(grainy, told, noise=45, dtype="float32"))
    assert np.abs(stronger - first).max() > 1


def test_channels_of_a_file_have_their_own_noise(told: Model, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    channels = [rng.normal(300, sd, (3, 64, 75)).round().astype(np.uint16) for sd in (10, 50)]
    path = tmp_path / "two.tif"
    tifffile.imwrite(path, np.stack(channels, axis=1), imagej=True, metadata={"axes": "ZCYX"})
    result = api.denoise(path, told)
    for number, channel in enumerate(channels):
        np.testing.assert_array_equal(result[number::2], api.denoise(channel, told))
        np.testing.assert_array_equal(
            api.denoise(path, told, channel=number + 1), result[number::2]
        )


def test_dask_is_told_the_noise_of_the_whole(told: Model, grainy: NDArray[np.uint16]) -> None:
    da = pytest.importorskip("dask.array")
    lazy = da.from_array(grainy, chunks=(2, 17, 64))
    for options in ({}, {"noise": "2:100:6", "strength": 0.7}):
        found = api.denoise(lazy, told, tile=40, **options)
        assert max(found.chunks[1] + found.chunks[2]) <= 40
        expected = api.denoise(grainy, told, tile=40, **options)
        np.testing.assert_array_equal(found.compute(), expected)


def test_noise_that_can_not_be_measured_is_warned_of(told: Model) -> None:
    planes = np.full((2, 40, 60), 200, np.uint16)
    with pytest.warns(UserWarning, match="constant.*the planes stay as they are") as warned:
        np.testing.assert_array_equal(api.denoise(planes, told), planes)
    assert [Path(warning.filename).name for warning in warned] == ["test_api.py"]


@pytest.mark.parametrize("options", [{"noise": 25}, {"strength": 1.5}])
def test_a_model_that_guesses_is_told_nothing(
    model: Model, stack: NDArray[np.uint16], options: dict[str, Any]
) -> None:
    with pytest.raises(CrispimError, match="guesses the noise"):
        api.denoise(stack, model, **options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"noise": "much"}, "can't be read"),
        ({"noise": -3}, "can't be read"),
        ({"noise": float("nan")}, "can't be read"),
        ({"strength": 3}, "must be from 0.5 to 2"),
    ],
)
def test_noise_that_can_not_be(
    told: Model, grainy: NDArray[np.uint16], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(CrispimError, match=says):
        api.denoise(grainy, told, **options)


def _plain(default: Any) -> Any:
    """A default in one way of writing."""
    if isinstance(default, Enum):
        return default.value
    if isinstance(default, str) and ":" in default:
        return parse_noise_sd(default)
    return float(default) if isinstance(default, str) and default.isdigit() else default


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64", ">u2"])
def test_type_and_shape_are_kept(model: Model, dtype: str) -> None:
    plane = np.random.default_rng(0).integers(50, 200, (40, 60)).astype(dtype)
    result = api.denoise(plane, model)
    assert (result.shape, result.dtype) == (plane.shape, np.dtype(dtype).newbyteorder("="))
    floats = api.denoise(plane, model, dtype="float32")
    expected = floats if result.dtype.kind == "f" else np.clip(np.rint(floats), 0, None)
    np.testing.assert_allclose(result, expected, atol=1e-3 if result.dtype.kind == "f" else 1)


def test_a_stack_is_its_planes_one_by_one(model: Model, stack: NDArray[np.uint16]) -> None:
    done: list[float] = []
    result = api.denoise(stack, model, on_done=done.append)
    assert result.shape == stack.shape
    assert done == [1, 1, 1]
    for before, after in zip(stack, result, strict=True):
        np.testing.assert_array_equal(after, api.denoise(before, model.folder))


def test_lists_are_arrays(model: Model, stack: NDArray[np.uint16]) -> None:
    plane = stack[0].tolist()
    np.testing.assert_array_equal(
        api.denoise(plane, model, dtype="float32"),
        api.denoise(stack[0], model, dtype="float32"),
    )


def test_paths_are_what_they_hold(model: Model, stack: NDArray[np.uint16], tmp_path: Path) -> None:
    path = tmp_path / "two.tif"
    channels = np.stack([stack, stack[::-1]], axis=1)
    tifffile.imwrite(path, channels, imagej=True, metadata={"axes": "ZCYX"})
    np.testing.assert_array_equal(api.denoise(path, model, channel=1), api.denoise(stack, model))
    np.testing.assert_array_equal(
        api.preprocess(str(path), seed=1, channel="1"), api.preprocess(stack, seed=1)
    )


def test_a_series_of_a_file(stack: NDArray[np.uint16], tmp_path: Path) -> None:
    path, second = tmp_path / "two.tif", stack[:2, :40, ::2]
    with tifffile.TiffWriter(path) as tif:
        tif.write(stack, photometric="minisblack")
        tif.write(second, photometric="minisblack")
    with pytest.warns(UserWarning, match="holds 2 series, of which number 2 is taken"):
        found = api.preprocess(path, factor=1, noise_sd=0, series=2)
    np.testing.assert_array_equal(found, second)
    with (
        pytest.warns(UserWarning, match="number 2 is taken"),
        pytest.warns(UserWarning, match="The clean planes"),
    ):
        rows = api.evaluate(path, result={"same": second}, series=2).rows
    assert {row.rmse for row in rows} == {0}


def test_a_tree_is_refused(stack: NDArray[np.uint16], tmp_path: Path) -> None:
    for k in range(2):
        tifffile.imwrite(tmp_path / f"tile_{k}.tif", stack, photometric="minisblack")
    for function in (api.denoise, api.preprocess, api.evaluate):
        with pytest.raises(CrispimError, match=r"tree of 2 stacks: .*tile_0\.tif.*crispim-ij den"):
            function(tmp_path)


@pytest.mark.parametrize("tile", [20, 1024])
@pytest.mark.parametrize("depth", [1, 5])
def test_dask_gives_the_same_pixels(
    model: Model, deep_model: Model, stack: NDArray[np.uint16], depth: int, tile: int
) -> None:
    da = pytest.importorskip("dask.array")
    chosen = model if depth == 1 else deep_model
    lazy = api.denoise(da.from_array(stack, chunks=(2, 17, 64)), chosen, tile=tile)
    assert (lazy.shape, lazy.dtype) == (stack.shape, stack.dtype)
    assert max(lazy.chunks[1] + lazy.chunks[2]) <= max(tile, 75)
    assert lazy.chunks[0] == ((2, 1) if depth == 1 else (1, 1, 1))
    np.testing.assert_array_equal(lazy.compute(), api.denoise(stack, chosen, tile=tile))


def test_a_dask_plane_with_expected_errors(tmp_path: Path, stack: NDArray[np.uint16]) -> None:
    da = pytest.importorskip("dask.array")
    from crispim_ij.denoising.uncertainty import ErrorModel

    model = copy_model(fresh_model("paper-2d"), tmp_path / "calibrated")
    ErrorModel(2.0, 0.1, model.spec.sha256).write(model.folder)
    denoised, error = api.denoise(stack[0], model, uncertainty=True)
    assert denoised.shape == error.shape == stack[0].shape
    assert error.dtype == np.float32
    lazy = api.denoise(da.from_array(stack[0], chunks=32), model, uncertainty=True)
    np.testing.assert_array_equal(lazy.compute(), [denoised, error])
    ErrorModel(4.0, 0.2, model.spec.sha256).write(model.folder)
    anew = api.denoise(stack[0], model, uncertainty=True)[1]
    np.testing.assert_allclose(anew, 2 * error, rtol=1e-5)


def test_dask_is_lazy(model: Model) -> None:
    da = pytest.importorskip("dask.array")

    def fail(block: NDArray[np.uint16]) -> NDArray[np.uint16]:
        raise RuntimeError("computed")

    planes = da.zeros((2, 40, 60), np.uint16).map_blocks(fail, meta=np.zeros((0, 0, 0), np.uint16))
    denoised, noisy = api.denoise(planes, model), api.preprocess(planes)
    assert noisy.shape == (2, 10, 15)
    for lazy in (denoised, noisy):
        with pytest.raises(RuntimeError, match="computed"):
            lazy.compute()


@pytest.mark.parametrize("noise_sd", [0, 20, (5, 40)])
def test_dask_gives_the_same_noise(
    stack: NDArray[np.uint16], noise_sd: float | tuple[float, float]
) -> None:
    da = pytest.importorskip("dask.array")
    lazy = api.preprocess(da.from_array(stack, chunks=(2, 20, 20)), noise_sd=noise_sd, seed=3)
    expected = api.preprocess(stack, noise_sd=noise_sd, seed=3, workers=1)
    assert (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(lazy.compute(), expected)
    drawn = api.preprocess(da.from_array(stack, chunks=(1, -1, -1)))
    np.testing.assert_array_equal(drawn.compute(), drawn.compute())


def test_evaluation_of_results(stack: NDArray[np.uint16], tmp_path: Path) -> None:
    da = pytest.importorskip("dask.array")
    tifffile.imwrite(tmp_path / "worse.tif", stack // 2, photometric="minisblack")
    results: dict[str, Any] = {
        "same": stack,
        "worse": tmp_path / "worse.tif",
        "lazy": da.from_array(stack) // 2,
    }
    evaluation = api.evaluate(stack, noisy=stack + 7, result=results)
    figures = {one.method: one.rmse for one in evaluation.summary}
    assert list(figures) == ["noisy", "same", "worse", "lazy"]
    assert (figures["noisy"], figures["same"]) == (7, 0)
    assert figures["worse"] == figures["lazy"] > 7
    assert len(evaluation.rows) == 12
    assert evaluation.table.row_count == 4


def test_evaluation_of_models(model: Model, stack: NDArray[np.uint16]) -> None:
    with pytest.warns(UserWarning, match="have noise of their own"):
        evaluation = api.evaluate(stack, ["noisy", model], planes=2, noise_sd=(10, 20))
    assert [one.method for one in evaluation.summary] == ["noisy", "residual-2d"]
    with pytest.warns(UserWarning, match="have noise of their own"):
        evaluation = api.evaluate(stack, planes=1)
    assert [one.method for one in evaluation.summary] == ["noisy", "tv", "crispim-2d"]


PLANE = np.zeros((40, 60), np.uint16)


def test_ranking_without_clean_planes(grainy: NDArray[np.uint16]) -> None:
    methods = ["noisy", "gaussian-tuned"]
    ranking = api.evaluate(grainy, methods, planes=1, no_clean=True, noise=30)
    assert [one.method for one in ranking] == ["gaussian-tuned", "noisy"]
    assert ranking[0].error < ranking[1].error == pytest.approx(30, rel=0.2)
    assert {one.noise for one in ranking} == {30}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: api.denoise(np.zeros((2, 2, 40, 60))), "neither .Y, X. nor .Z, Y, X."),
        (lambda: api.denoise(np.zeros((0, 40, 60))), "no pixels"),
        (lambda: api.denoise(PLANE > 0), "no counts"),
        (lambda: api.denoise(np.full((40, 60), np.nan)), "NaN or infinite"),
        (lambda: api.denoise(PLANE[:2]), "too small for model 'crispim-2d'"),
        (lambda: api.denoise(PLANE, "crispim-2e"), "did you mean 'crispim-2d'"),
        (lambda: api.denoise(PLANE, precision="float16"), "precision='float16' is not known"),
        (lambda: api.denoise(PLANE, dtype="int8"), "choose one of same, uint8"),
        (lambda: api.denoise(PLANE, dtype="uint8", uncertainty=True), "exclude each other"),
        (lambda: api.denoise(PLANE, tile=0), "--tile is 0"),
        (lambda: api.denoise(PLANE, channel=2), "are for files"),
        (lambda: api.denoise("nowhere.tif"), "does not exist"),
        (lambda: api.preprocess(PLANE, interpolation="lanczos"), "none, bilinear, bicubic"),
        (lambda: api.preprocess(PLANE.astype(float)), "ImageJ can't hold the float64 planes"),
        (lambda: api.preprocess(PLANE, noise_sd=(3, 2)), "not a standard deviation"),
        (lambda: api.evaluate(PLANE, result={"x": PLANE[:9]}), "made from these clean ones"),
        (lambda: api.evaluate(PLANE, noise=30), "for no_clean"),
        (lambda: api.evaluate(PLANE, noisy=PLANE, no_clean=True), "for clean planes"),
        (lambda: api.load_model("crispim-2e"), "did you mean 'crispim-2d'"),
    ],
)
def test_faults_are_said(call: Any, says: str) -> None:
    with pytest.raises(CrispimError, match=says):
        call()


def test_faults_of_dask_arrays_are_said(model: Model) -> None:
    da = pytest.importorskip("dask.array")
    planes = da.zeros((2, 40, 60), np.float32)
    with pytest.raises(CrispimError, match="can't run through a Dask array"):
        api.preprocess(planes, seed_stack=True)
    with pytest.raises(CrispimError, match="compute_chunk_sizes"):
        api.denoise(planes[planes[:, 0, 0] == 0], model)
    with pytest.raises(CrispimError, match="NaN or infinite"):
        api.denoise(planes + np.nan, model).compute()
    with pytest.raises(CrispimError, match="are for files"):
        api.denoise(planes, model, time=1)


def test_planes_that_were_denoised_already_are_warned_of(model: Model, tmp_path: Path) -> None:
    plane = np.full((40, 40), 100, np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", plane)
    with open_source(tmp_path / "in.tif") as source:
        sink = create_sink(tmp_path / "denoised.tif", source)
        sink.sign({"crispim-ij": "0.1.0", "command": "denoise", "model": "crispim-2d"})
        with sink:
            sink.write(0, source.read(0))
    with pytest.warns(UserWarning, match="was denoised already"):
        api.denoise(tmp_path / "denoised.tif", model)
