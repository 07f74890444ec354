from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, find_model, load_model
from crispim_ij.noise import CameraNoise, StackNoise
from crispim_ij.planes import Metadata
from crispim_ij.planes.arrays import ArraySource
from crispim_ij.training import AdaptSettings, RunSettings, adapt, adaptation, open_noisy_stack
from crispim_ij.training.adaptation import (
    PATCH,
    Plan,
    _recipe,
    _scale,
    _stacks,
    _steps_in_all,
    _timed,
)
from crispim_ij.training.loop import HistoryEntry
from crispim_ij.training.patches import training_batch
from tests.told import told_model
from tests.training.small import assert_same_weights

SD = 35
SHORT = AdaptSettings(minutes=1e-6, run=RunSettings(sample_every=0))
"""So short that there is time for two steps and the validations after them."""


def stack(planes: int = 3) -> ArraySource:
    """Smooth planes with white noise."""
    rng = np.random.default_rng(5)
    clean = gaussian_filter(rng.gamma(4, 60, (planes, 32, 32)), (0, 3, 3))
    return ArraySource((clean + rng.normal(0, SD, clean.shape)).astype(np.float32))


WHITE = StackNoise((CameraNoise(0, 0, SD),))


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that changes nothing, so that it is easily bettered."""
    return told_model(tmp_path_factory.mktemp("models") / "idle", idle=True)


@pytest.mark.long
def test_a_model_that_is_not_bettered_is_kept(
    start: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a rate that ruins it."""
    small = replace(_recipe(start, stack(), SHORT), batch=2, validation_batch=16)
    ruinous = replace(small, learning_rate=1.0, schedule="constant")
    monkeypatch.setattr(adaptation, "_recipe", lambda *_: ruinous)
    plans: list[Plan] = []
    told: list[tuple[int, HistoryEntry | None]] = []
    adapted = adapt(
        stack(),
        start,
        tmp_path / "mine",
        SHORT,
        WHITE,
        on_plan=plans.append,
        on_step=lambda done, newest: told.append((done, newest)),
    )
    (plan,) = plans
    assert (plan.steps, plan.noisy, plan.unit) == (2, SD, "counts")
    assert plan.seconds is not None
    assert plan.seconds > 0
    assert [done for done, _ in told] == [0, 1, 2]
    assert (adapted.noisy, adapted.unit) == (SD, "counts")
    assert adapted.before == adapted.after == pytest.approx(SD, rel=0.15)
    assert not adapted.is_better
    assert_same_weights(adapted.model, start)
    made = load_model(tmp_path / "mine").spec.provenance
    assert made["started_from"]["sha256"] == start.spec.sha256
    assert made["recipe"]["name"] == "adapt"
    again = adapt(stack(), start, tmp_path / "mine", SHORT, WHITE, resume=True)
    assert replace(again, model=adapted.model) == adapted
    with pytest.raises(CrispimError, match=r"made of another model or stack"):
        adapt(stack(4), start, tmp_path / "mine", SHORT, WHITE, resume=True)


@pytest.mark.long
def test_what_is_learnt_of_noise_that_is_weaker_than_told_is_not_kept(tmp_path: Path) -> None:
    """Smoothing then seems to leave less than nothing."""
    shipped = find_model("crispim-2d")
    told = StackNoise((CameraNoise(0, 0, 2 * SD),))
    adapted = adapt(stack(), shipped, tmp_path / "mine", SHORT, told)
    assert adapted.is_doubtful
    assert not adapted.is_better
    assert adapted.steps < 2
    assert np.isnan(adapted.after)
    assert "came out below 0" in adapted.why_kept("it")
    assert_same_weights(adapted.model, shipped)
    assert not list(tmp_path.glob("mine/*checkpoint*"))
    again = adapt(stack(), shipped, tmp_path / "mine", SHORT, told, resume=True)
    assert replace(again, model=adapted.model) == adapted
    true = adapt(stack(), shipped, tmp_path / "true", SHORT, WHITE)
    assert not true.is_doubtful


def test_a_3d_model_is_not_adapted_to_planes_that_were_interpolated_along_z(
    tmp_path: Path,
) -> None:
    """It would learn to draw a plane's noise, which is that of its neighbours."""
    given = stack(5)
    planes = np.stack([given.read(k) for k in range(len(given))])
    doubled = ArraySource(np.stack([planes[k // 2 : (k + 3) // 2].mean(0) for k in range(9)]))
    doubled.metadata = Metadata(axes="Z", sizes=(9,))
    with pytest.raises(CrispimError, match=r"fixed pattern\. A 3D model would learn to"):
        adapt(doubled, find_model("crispim-3d"), tmp_path / "mine", SHORT, WHITE)


def test_a_model_that_guesses_the_noise_is_refused(start: Model, tmp_path: Path) -> None:
    guesses = replace(start, spec=replace(start.spec, input_scaling="none"))
    with pytest.raises(CrispimError, match=r"guesses the noise, .* can be adapted: take "):
        adapt(stack(), guesses, tmp_path / "mine", SHORT, WHITE)


def test_noise_that_is_not_known_is_refused(start: Model, tmp_path: Path) -> None:
    unknown = StackNoise((CameraNoise(0, 0, 0),))
    with pytest.raises(CrispimError, match=r"can't be measured.*--noise"):
        adapt(stack(), start, tmp_path / "mine", SHORT, unknown)


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_no_time(minutes: float) -> None:
    with pytest.raises(CrispimError, match="--minutes, --adapt"):
        AdaptSettings(minutes)


@pytest.mark.parametrize("budget", [0.5, 10, 60, 400, 5000])
def test_steps_fill_the_time(start: Model, budget: float) -> None:
    recipe = _timed(_recipe(start, stack(), SHORT), budget)
    assert recipe.steps >= 1
    assert recipe.steps <= 20 * recipe.validate_every
    if budget >= 10:
        assert _steps_in_all(recipe) == pytest.approx(budget, rel=0.15)


@pytest.mark.parametrize("several", [False, True])
def test_neighbours_are_of_the_same_channel(tmp_path: Path, several: bool) -> None:
    """Whether the noise is given for all channels or measured of each."""
    deep = told_model(tmp_path / "deep", "stabilised-2.5d", idle=True)
    planes = np.arange(2)[:, np.newaxis] * 1000 + np.arange(4) * 100.0
    source = ArraySource(np.broadcast_to(planes.reshape(8, 1, 1), (8, 32, 32)))
    source.metadata = Metadata(axes="CZ", sizes=(2, 4))
    recipe = replace(_recipe(deep, source, SHORT), batch=64)
    noise = StackNoise((CameraNoise(0, 0, 1),) * (2 if several else 1))
    given, target = training_batch(_stacks(source, noise, recipe), recipe, 0)
    levels = np.round(given.mean((2, 3, 4)), -2)
    assert given.shape[1] == 7
    assert set(levels.ravel()) == set(planes.ravel())
    assert (levels // 900 == levels[:, 3:4] // 900).all()
    np.testing.assert_array_equal(np.round(target.mean((1, 2, 3)), -2), levels[:, 3])
    assert (np.abs(np.diff(levels, axis=1)) <= 100).all()


def test_patches_fit_the_planes(start: Model) -> None:
    assert _recipe(start, stack(), SHORT).patch == 32
    assert _recipe(start, ArraySource(np.zeros((1, 900, 900))), SHORT).patch == PATCH
    with pytest.raises(CrispimError, match="at least 8 px"):
        _recipe(start, ArraySource(np.zeros((1, 7, 900))), SHORT)


@pytest.mark.parametrize(
    ("cameras", "scale"),
    [
        ([CameraNoise(0, 0, SD)], (SD, "counts")),
        ([CameraNoise(2, 0, 10)], (1.0, "of the noise")),
        ([CameraNoise(0, 0, SD), CameraNoise(0, 0, 9)], (1.0, "of the noise")),
    ],
)
def test_errors_are_in_counts_where_the_noise_is_the_same_everywhere(
    start: Model, cameras: list[CameraNoise], scale: tuple[float, str]
) -> None:
    recipe = _recipe(start, stack(), SHORT)
    stacks = [open_noisy_stack(stack(), recipe, camera) for camera in cameras]
    assert _scale(stacks) == scale
