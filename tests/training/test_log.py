from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.text import Text

from crispim_ij.networks import build
from crispim_ij.training import TrainingStack
from crispim_ij.training.log import (
    HistoryEntry,
    TrainingLog,
    as_png,
    draw_history,
    draw_samples,
    open_events,
    remove_events,
    remove_samples,
    write_samples,
    write_scalars,
)
from crispim_ij.training.patches import sample_batch
from crispim_ij.training.recipe import Recipe, load_recipe
from tests.training.small import RECIPE


def test_a_row_has_one_grey_range(stacks: list[TrainingStack]) -> None:
    noisy, clean = sample_batch(stacks, RECIPE)
    network = build("residual-2d")
    figure = draw_samples(network, noisy, clean, 400)
    assert figure.get_suptitle() == "step 400"
    assert len(figure.axes) == 9
    for row in range(3):
        axes = figure.axes[3 * row : 3 * row + 3]
        images = [axis.images[0] for axis in axes]
        assert len({image.get_clim() for image in images}) == 1
        shown = [np.asarray(image.get_array()) for image in images]
        predicted = np.asarray(network(noisy[row : row + 1]))[0]
        for ours, theirs in zip(shown, (noisy[row], predicted, clean[row]), strict=True):
            np.testing.assert_allclose(ours, theirs[..., 0], rtol=1e-5)
        rmse = np.sqrt(np.mean((noisy[row] - clean[row]) ** 2))
        assert axes[0].get_title() == f"noisy, RMSE {rmse:.3g} counts"
        assert axes[2].get_title() == "clean"


def test_samples_are_always_the_same_kept_planes(stacks: list[TrainingStack]) -> None:
    first, again = sample_batch(stacks, RECIPE), sample_batch(stacks, RECIPE)
    np.testing.assert_array_equal(first, again)
    last = stacks[0].clean.read(11).astype(np.float32)
    for patch in first[1][..., 0]:
        assert np.isin(patch, last).all()


def test_the_target_of_a_mini_stack_is_shown() -> None:
    mini = np.arange(16, dtype=np.float32)[None, :, None, None, None] + np.zeros((1, 16, 8, 8, 1))
    figure = draw_samples(lambda x, training: x[:, 3], mini, mini[:, 8], 1)
    assert figure.axes[2].get_title() == "clean"
    levels = [float(np.mean(axis.images[0].get_array())) for axis in figure.axes]
    assert levels == [8, 3, 8]


def test_titles_do_not_overlap() -> None:
    noisy, clean = np.random.default_rng(0).normal(size=(2, 1, 8, 8, 1)).astype(np.float32)
    figure = draw_samples(lambda x, training: x, noisy, clean, 1, unit="of the noise")
    figure.draw_without_rendering()
    first, second, third = (axis.title.get_window_extent() for axis in figure.axes)
    assert first.x1 < second.x0
    assert second.x1 < third.x0


def test_later_pictures_are_forgotten(tmp_path: Path) -> None:
    figure = draw_samples(lambda x, training: x, *np.zeros((2, 1, 8, 8, 1), np.float32), 1)
    png = as_png(figure)
    assert png.startswith(b"\x89PNG")
    for step in (5, 10, 1_000_000):
        write_samples(tmp_path, png, step)
    (tmp_path / "samples/step-mine.png").touch()
    remove_samples(tmp_path, 5)
    names = {file.name for file in (tmp_path / "samples").iterdir()}
    assert names == {"step-000005.png", "step-mine.png"}


def test_the_history_is_drawn_at_once_at_the_end_and_now_and_then(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path, RECIPE, [], 0, sample_every=0, tensorboard=False)
    picture = tmp_path / "history.png"
    log.plot(last=True)
    assert not picture.exists()  # there is no history
    for step, last, is_drawn in ((2, False, True), (4, False, False), (6, True, True)):
        log.add(HistoryEntry(step, 900.0, 900.0, 1e-3, 1.0, 0.5))
        log.plot(last=last)
        assert picture.exists() == is_drawn
        picture.unlink(missing_ok=True)


@pytest.mark.parametrize("errors", [(11.4, 11.2), (9.5, 5.5), (1.05, 0.28), (1200, 8)])
def test_the_labels_of_a_history_are_plain_and_apart(errors: tuple[float, float]) -> None:
    entries = [HistoryEntry(step, e**2, e**2, 1e-3, 1.0, 0.5) for step, e in enumerate(errors)]
    figure = draw_history(entries, RECIPE)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    low, high = axes.get_ylim()
    labels = [*axes.get_yticklabels(), *axes.get_yticklabels(minor=True)]
    shown = sorted((label for label in labels if low <= label.get_position()[1] <= high), key=_at)
    assert len(shown) >= 2
    assert all(float(label.get_text()) > 0 for label in shown)  # and no 1.14 x 10^1
    places = [label.get_window_extent() for label in shown]
    assert all(below.y1 <= above.y0 for below, above in pairwise(places))


@pytest.mark.parametrize(
    ("recipe", "label"),
    [(RECIPE, "RMSE (counts)"), (load_recipe("blind"), "estimated RMSE (of the noise)")],
)
def test_a_history_says_what_is_estimated(recipe: Recipe, label: str) -> None:
    figure = draw_history([HistoryEntry(1, 1.0, 1.0, 1e-3, 1.0, 0.5)], recipe)
    assert figure.axes[0].get_ylabel() == label


def _at(label: Text) -> float:
    return float(label.get_position()[1])


def test_no_samples_no_folder(tmp_path: Path) -> None:
    remove_samples(tmp_path, 0)
    assert not (tmp_path / "samples").exists()


def test_samples_of_mini_stacks(stacks: list[TrainingStack]) -> None:
    noisy, clean = sample_batch(stacks, replace(RECIPE, architecture="paper-3d"))
    assert (noisy.shape, clean.shape) == ((3, 16, 32, 32, 1), (3, 32, 32, 1))


def told(folder: Path) -> dict[str, list[int]]:
    """Return the steps of each curve or picture that TensorBoard finds in a folder."""
    steps: dict[str, list[int]] = {}
    for file in sorted(folder.glob("events.out.tfevents.*")):
        for entry in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(entry)
            for value in event.summary.value:
                steps.setdefault(value.tag, []).append(event.step)
    return steps


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    writer = open_events(tmp_path / "tensorboard")
    for step in range(1, 6):
        write_scalars(writer, HistoryEntry(step, 9.0, 8.0, 0.01, seconds=2.0, waited=0.5))
    writer.close()
    return tmp_path / "tensorboard"


def test_each_column_is_a_curve(folder: Path) -> None:
    curves = {"loss/training", "loss/validation", "learning_rate", "share_of_time_waited_for_data"}
    assert told(folder) == {curve: [1, 2, 3, 4, 5] for curve in curves}


def test_later_steps_are_forgotten(folder: Path) -> None:
    remove_events(folder, 3)
    assert told(folder)["loss/training"] == [1, 2, 3]
    remove_events(folder, 0)
    assert list(folder.iterdir()) == []


def test_a_file_that_was_cut_off(folder: Path) -> None:
    """As SIGKILL or a full disk leave it."""
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    remove_events(folder, 5)
    steps = told(folder)
    assert steps["loss/training"] == [1, 2, 3, 4, 5]
    assert min(map(len, steps.values())) == 4


def test_no_events_no_folder(tmp_path: Path) -> None:
    remove_events(tmp_path / "tensorboard", 0)
    assert not (tmp_path / "tensorboard").exists()
