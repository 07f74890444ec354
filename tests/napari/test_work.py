"""Steps without a window, and without napari."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from threading import Event
from typing import Any

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from crispim_ij import denoise
from crispim_ij.denoising import DenoiseSettings
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, find_model
from crispim_ij.napari.layers import stack_around, stacks_of
from crispim_ij.napari.process import DenoiserProcess, shared_process
from crispim_ij.napari.work import (
    Failure,
    LayerRequest,
    adapt_to_layer,
    denoise_all,
    preview_plane,
    watched,
    with_strength,
)
from crispim_ij.noise import CameraNoise, NoiseOptions
from tests.guessing import guessing_model
from tests.told import told_model


@pytest.fixture
def process() -> DenoiserProcess:
    return shared_process()


def result_of(work: Generator[Any, None, Any]) -> tuple[list[Any], Any]:
    """Take all steps."""
    ends = []

    def whole() -> Generator[Any, None, None]:
        ends.append((yield from work))

    return list(whole()), ends[0]


def job(pixels: Any, slices: int | None, name: str = "crispim-2d") -> LayerRequest:
    return LayerRequest(pixels, slices, find_model(name), DenoiseSettings())


def counts(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(300, 30, shape).round().astype(np.uint16)


@pytest.mark.parametrize("slices", [0, pytest.param(1, marks=pytest.mark.long)])
def test_each_stack_is_denoised_by_itself(process: DenoiserProcess, slices: int) -> None:
    pixels = counts(3, 2, 32, 32)
    steps, result = result_of(
        denoise_all(process, job(da.from_array(pixels), slices, "crispim-3d"))
    )
    expected = np.empty_like(pixels)
    for k in range(pixels.shape[1 - slices]):
        stack = (slice(None), k) if slices == 0 else (k,)
        expected[stack] = denoise(pixels[stack], "crispim-3d")
    assert result.pixels.dtype == np.uint16
    np.testing.assert_allclose(result.pixels, expected, atol=1)  # a sum may round the other way
    assert steps == [1.0] * 6


@pytest.mark.parametrize("name", ["crispim-2d", pytest.param("crispim-3d", marks=pytest.mark.long)])
def test_a_preview_is_a_plane_of_the_result(process: DenoiserProcess, name: str) -> None:
    stack = job(counts(2, 4, 48, 40), 1, name)
    words, found = result_of(preview_plane(process, stack, (1, 2, 5, 5)))
    _, result = result_of(denoise_all(process, stack))
    np.testing.assert_array_equal(found.pixels, result.pixels[1, 2])
    assert found.corner == (1, 2, 0, 0)
    assert len(words) == 3


@pytest.fixture(
    scope="module",
    params=["stabilised-2d", pytest.param("stabilised-2.5d", marks=pytest.mark.long)],
)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Each model that is told the noise."""
    return told_model(tmp_path_factory.mktemp("models") / request.param, request.param)


@pytest.mark.parametrize("lazy", [False, True])
def test_the_noise_of_each_stack_is_measured(
    process: DenoiserProcess, told: Model, lazy: bool
) -> None:
    """Channels of one layer differ, and a preview is a plane of the result."""
    rng = np.random.default_rng(0)
    channels = [rng.normal(300, sd, (4, 48, 40)).round().astype(np.uint16) for sd in (8, 50)]
    pixels = np.stack(channels, axis=1)
    layer = da.from_array(pixels, chunks=(1, 1, 48, 40)) if lazy else pixels
    stack = LayerRequest(layer, 0, told, DenoiseSettings())
    _, result = result_of(denoise_all(process, stack))
    for number, sd in enumerate((8, 50)):
        _, found = result_of(preview_plane(process, stack, (2, number, 5, 5)))
        assert found.looked.told.read_noise == pytest.approx(sd, rel=0.1)
        np.testing.assert_array_equal(found.pixels, result.pixels[2, number])
        np.testing.assert_allclose(
            result.pixels[:, number], denoise(channels[number], told), atol=1
        )


def test_the_noise_may_be_told(process: DenoiserProcess, told: Model) -> None:
    pixels = counts(2, 48, 40)
    options = NoiseOptions(CameraNoise(2, 100, 6), 1.5)
    job_told = LayerRequest(pixels, 0, told, DenoiseSettings(), options)
    _, result = result_of(denoise_all(process, job_told))
    expected = denoise(pixels, told, noise="2:100:6", strength=1.5)
    np.testing.assert_allclose(result.pixels, expected, atol=1)
    _, found = result_of(preview_plane(process, job_told, (1, 5, 5)))
    np.testing.assert_array_equal(found.pixels, result.pixels[1])
    assert found.looked.noise.at(0.5)[0] == pytest.approx(30, rel=0.1)
    weaker = NoiseOptions(options.given, 0.7)
    _, again = result_of(with_strength(process, job_told, found, 0.7))
    other = LayerRequest(pixels, 0, told, DenoiseSettings(), weaker)
    _, expected = result_of(preview_plane(process, other, (1, 5, 5)))
    np.testing.assert_array_equal(again, expected.pixels)


def test_why_to_mistrust_the_noise_is_said_without_a_preview(
    process: DenoiserProcess, told: Model, tmp_path: Path
) -> None:
    shared = uniform_filter(np.random.default_rng(0).normal(0, 60, (3, 48, 64)), (0, 2, 2))
    layer = LayerRequest((300 + shared).astype(np.float32), 0, told, DenoiseSettings())
    _, result = result_of(denoise_all(process, layer))
    (problem,) = result.problems
    assert "Neighbouring pixels share noise." in problem
    _, found = result_of(preview_plane(process, layer, (1, 5, 5)))
    np.testing.assert_array_equal(found.pixels, result.pixels[1])
    _, again = result_of(with_strength(process, layer, found, 1.0))
    np.testing.assert_array_equal(again, found.pixels)
    plain = LayerRequest(counts(3, 48, 64), 0, told, DenoiseSettings())
    assert result_of(denoise_all(process, plain))[1].problems == ()
    strong = np.random.default_rng(0).normal(2000, 300, (2, 64, 64)).astype(np.float32)
    guesses = LayerRequest(strong, 0, guessing_model(tmp_path / "guesses"), DenoiseSettings())
    _, result = result_of(denoise_all(process, guesses))
    (problem,) = result.problems
    assert "guesses was trained on sd 10 to 60 counts; this is stronger" in problem


def test_a_model_that_guesses_is_told_nothing(process: DenoiserProcess, tmp_path: Path) -> None:
    guesses = guessing_model(tmp_path / "guesses")
    options = NoiseOptions(strength=1.5)
    stack = LayerRequest(counts(2, 48, 40), 0, guesses, DenoiseSettings(), options)
    for work in (denoise_all(process, stack), preview_plane(process, stack, (1, 5, 5))):
        with pytest.raises(CrispimError, match="guesses the noise"):
            list(work)


@pytest.mark.long
def test_of_an_adaptation_that_is_stopped_nothing_is_left(tmp_path: Path) -> None:
    """Each channel has noise of its own."""
    rng = np.random.default_rng(0)
    channels = [rng.normal(300, sd, (2, 32, 32)) for sd in (8, 50)]
    model = told_model(tmp_path / "idle", idle=True)
    layer = LayerRequest(np.stack(channels, axis=1), 0, model, DenoiseSettings())
    process = DenoiserProcess()
    work = adapt_to_layer(process, layer, tmp_path / "mine", 1e-6)
    step = next(work)
    assert (step.done, step.plan.steps, step.plan.unit) == (0, 2, "of the noise")
    assert step.plan.noisy == 1
    assert (tmp_path / "mine").exists()
    work.close()
    assert not (tmp_path / "mine").exists()
    assert process._process is None


def test_a_model_that_guesses_can_not_be_adapted(process: DenoiserProcess, tmp_path: Path) -> None:
    layer = LayerRequest(counts(2, 32, 32), 0, guessing_model(tmp_path / "g"), DenoiseSettings())
    with pytest.raises(CrispimError, match="guesses the noise"):
        next(adapt_to_layer(process, layer, tmp_path / "mine", 1.0))


def test_of_a_large_plane_the_part_around_the_pixel_is_looked_at(process: DenoiserProcess) -> None:
    plane = da.zeros((32, 8000), dtype=np.uint16, chunks=(32, 500))
    _, found = result_of(preview_plane(process, job(plane, None), (16, 4000)))
    assert found.corner == (0, 2976)
    assert found.pixels.shape == (32, 2048)


def test_what_would_not_fit_is_refused_before_anything_is_read(process: DenoiserProcess) -> None:
    huge = da.zeros((10**6, 10**4, 10**4), dtype=np.uint16)
    with pytest.raises(CrispimError, match=r"200\.0 TB.*crispim-ij denoise"):
        next(denoise_all(process, job(huge, 0)))


def test_planes_that_are_too_small_are_refused(process: DenoiserProcess) -> None:
    with pytest.raises(CrispimError, match="too small"):
        next(denoise_all(process, job(counts(2, 2), None)))


@pytest.mark.parametrize(("slices", "count"), [(0, 6), (1, 8), (2, 12), (None, 24)])
def test_stacks_cover_every_plane_once(slices: int | None, count: int) -> None:
    pixels = np.arange(4 * 3 * 2 * 5 * 5).reshape(4, 3, 2, 5, 5)
    stacks = [pixels[at] for at in stacks_of(pixels.shape, slices)]
    assert len(stacks) == count
    assert {stack.ndim for stack in stacks} == {3}
    assert sorted(np.concatenate([s.ravel() for s in stacks])) == list(range(pixels.size))
    around = pixels[stack_around((3, 1, 0), slices)]
    assert (around == pixels[3, 1, 0]).all(axis=(1, 2)).any()


def steps_of(ending: Exception | None, closed: list[bool]) -> Generator[int, None, str]:
    try:
        yield 1
        yield 2
        if ending:
            raise ending
        return "done"
    finally:
        closed.append(True)


def test_watched_work_returns_what_it_made_or_what_went_wrong() -> None:
    closed: list[bool] = []
    assert result_of(watched(steps_of(None, closed), Event())) == ([1, 2], "done")
    fault = RuntimeError("no")
    assert result_of(watched(steps_of(fault, closed), Event())) == ([1, 2], Failure(fault))
    stop = Event()
    work = watched(steps_of(None, closed), stop)
    assert next(work) == 1
    stop.set()
    assert result_of(work) == ([], None)
    assert closed == [True] * 3
