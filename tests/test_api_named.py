"""Arrays of xarray, what training takes and what a model shows, from Python."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

import crispim_ij
from crispim_ij.api._progress import notebook_bar
from crispim_ij.api._xarray import without_names
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model
from crispim_ij.training.checkpoints import HISTORY_FILE
from tests.made import fresh_model
from tests.told import told_model


@pytest.fixture(scope="module")
def stack() -> NDArray[np.uint16]:
    return np.random.default_rng(0).integers(50, 500, (3, 32, 40), np.uint16)


@pytest.fixture(scope="module")
def named(stack: NDArray[np.uint16]) -> xr.DataArray:
    coordinates = {
        "z": [0.0, 2.5, 5.0],
        "y": ("y", np.arange(32) * 0.65 + 10, {"units": "um"}),
        "x": np.arange(40) * 0.65,
        "place": ("z", ["a", "b", "c"]),
        "lit": (("y", "x"), np.ones((32, 40))),
        "channel": "GFP",
    }
    return xr.DataArray(stack, coordinates, ("z", "y", "x"), "brain", {"objective": "10x"})


@pytest.fixture(scope="module")
def model() -> Model:
    return fresh_model("residual-2d")


@pytest.mark.parametrize("lazy", [False, True])
def test_names_coordinates_and_attributes_are_kept(
    named: xr.DataArray, model: Model, lazy: bool
) -> None:
    given = named.chunk({"z": 1}) if lazy else named
    result = crispim_ij.denoise(given, model)
    assert (type(result.data) is np.ndarray) == (not lazy)
    np.testing.assert_array_equal(result.values, crispim_ij.denoise(named.values, model))
    assert (result.dims, result.name, result.attrs) == (named.dims, named.name, named.attrs)
    assert result.coords.equals(named.coords)
    assert result.y.attrs == {"units": "um"}


def test_axes_are_found_by_their_names(named: xr.DataArray, model: Model) -> None:
    turned = named.transpose("x", "z", "y")
    result = crispim_ij.denoise(turned, model)
    assert result.dims == turned.dims
    xr.testing.assert_identical(result.transpose(*named.dims), crispim_ij.denoise(named, model))
    plane = named.isel(z=1)
    assert crispim_ij.denoise(plane, model).dims == ("y", "x")


def test_smaller_planes_have_the_places_of_their_pixels(named: xr.DataArray) -> None:
    result = crispim_ij.preprocess(named, factor=2, noise_sd=0)
    np.testing.assert_array_equal(
        result.values, crispim_ij.preprocess(named.values, factor=2, noise_sd=0)
    )
    # The middle of two pixels each.
    np.testing.assert_allclose(result.y, 10 + 0.65 * (0.5 + 2 * np.arange(16)))
    np.testing.assert_allclose(result.x, 0.65 * (0.5 + 2 * np.arange(20)))
    assert result.y.attrs == {"units": "um"}
    assert set(result.coords) == {"z", "y", "x", "place", "channel"}
    assert result.attrs == named.attrs


def test_expected_errors_lie_along_an_axis_of_their_own(named: xr.DataArray) -> None:
    _, restored = without_names(named.isel(z=0).transpose("x", "y"))
    both = restored(np.zeros((2, 32, 40)))
    assert both.dims == ("result", "x", "y")
    assert both.result.values.tolist() == ["denoised", "expected error"]


@pytest.mark.parametrize("axis", ["c", "Time"])
def test_channels_are_no_z(named: xr.DataArray, model: Model, axis: str) -> None:
    with pytest.raises(CrispimError, match=rf"axis '{axis}'.*image\.isel\({axis}=0\)"):
        crispim_ij.denoise(named.drop_vars("channel").rename(z=axis), model)
    with pytest.raises(CrispimError, match="A Dataset of xarray is no array"):
        crispim_ij.denoise(named.to_dataset(), model)
    with pytest.raises(CrispimError, match="A Variable of xarray is no array"):
        crispim_ij.denoise(named.variable, model)


def test_evaluation_of_named_planes(named: xr.DataArray) -> None:
    rows = crispim_ij.evaluate(named, noisy=named, result={"mine": named + 5}).rows
    assert {row.method: round(row.rmse) for row in rows} == {"noisy": 0, "mine": 5}


@pytest.mark.long
def test_training_takes_arrays(
    named: xr.DataArray, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    told: list[int] = []
    few = {"steps": 2, "batch": 2, "patch": 32, "sample_every": 0}
    model = crispim_ij.train(
        tmp_path / "mine",
        [named, named.values],
        **few,
        seed=4,
        on_step=lambda done, error: told.append(done),
    )
    assert any("It removes no noise to speak of" in str(one.message) for one in recwarn)
    assert told == [1, 2]
    assert (tmp_path / "mine" / HISTORY_FILE).is_file()
    assert model.spec.provenance["recipe"]["seed"] == 4
    assert [one["clean"] for one in model.spec.provenance["data"]] == ["the array"] * 2
    assert crispim_ij.denoise(named, model).shape == named.shape
    with pytest.raises(CrispimError, match="--overwrite to replace it"):
        crispim_ij.train(tmp_path / "mine", named, **few)
    with pytest.raises(CrispimError, match="measures the noise of the planes"):
        crispim_ij.train(tmp_path / "more", noisy=named, recipe="blind", noise_sd=3)
    assert not (tmp_path / "more").exists()


def test_a_model_shows_in_one_screen_and_with_its_card(tmp_path: Path) -> None:
    model = crispim_ij.load_model("crispim-2d")
    text = repr(model)
    assert "Model 'crispim-2d'\n" in text
    assert "stabilised-2d, 896,769 weights" in text
    assert "started from" in text
    assert len(text) < 1000
    assert len(repr(model.spec)) < 1000
    page = model._repr_html_()
    assert "<th" in page
    assert "<summary>Card</summary><h1>crispim-2d</h1>" in page
    assert "<table>" in page.partition("Card")[2]
    (tmp_path / "README.md").write_text("<script>1</script> ![x](http://a.b/c.png)")
    hostile = Model(tmp_path, model.spec)._repr_html_()
    assert "<script" not in hostile
    assert "<img" not in hostile


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What a notebook displays."""
    from IPython.core.displaypub import CapturingDisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    publisher = CapturingDisplayPublisher()
    monkeypatch.setattr(shell, "display_pub", publisher)
    monkeypatch.setattr(shell, "kernel", object(), raising=False)
    yield publisher.outputs
    InteractiveShell.clear_instance()


def test_notebooks_get_a_bar(
    notebook: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with notebook_bar("denoising", 3, "planes", hidden=True) as advance:
        advance(1, "")
    assert not notebook
    with notebook_bar("denoising", 3, "planes") as advance:
        advance(3, "<b>")
    first, last = (output["data"]["text/html"] for output in notebook)
    assert re.search(r"denoising: 0 of 3 planes$", first)
    assert re.search(r'<progress value="3".*denoising: 3 of 3 planes, &lt;b&gt;$', last)
    notebook.clear()
    monkeypatch.delattr(sys.modules["IPython"].get_ipython(), "kernel")
    with notebook_bar("denoising", 3, "planes") as advance:
        advance(3, "")
    assert not notebook  # a shell is none


@pytest.mark.long
def test_notebooks_see_how_far_an_adaptation_is(
    notebook: list[dict[str, Any]], tmp_path: Path
) -> None:
    planes = np.random.default_rng(0).normal(300, 30, (4, 64, 64)).astype(np.uint16)
    told = told_model(tmp_path / "told")
    crispim_ij.adapt(planes, tmp_path / "mine", told, minutes=0.01)
    last = notebook[-1]["data"]["text/html"]
    assert re.search(
        r"adapting: (\d+) of \1 steps, noisy [23]\d\.\d, now .* counts \(estimated\)$", last
    )


def test_arrays_are_what_training_opens(stack: NDArray[np.uint16]) -> None:
    with pytest.raises(CrispimError, match="channel, time, level and series are for files"):
        crispim_ij.train("nowhere", stack, channel=2)
    assert not Path("nowhere").exists()
