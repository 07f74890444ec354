from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from crispim_ij.networks import build
from crispim_ij.training import TrainingStack
from crispim_ij.training.patches import sample_batch
from crispim_ij.training.samples import as_png, draw_samples, forget_samples, write_samples
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
    figure = draw_samples(lambda x, training: x[:, 3], mini, mini[:, 8], 1, target="noisy target")
    assert figure.axes[2].get_title() == "noisy target"
    levels = [float(np.mean(axis.images[0].get_array())) for axis in figure.axes]
    assert levels == [8, 3, 8]


def test_later_pictures_are_forgotten(tmp_path: Path) -> None:
    figure = draw_samples(lambda x, training: x, *np.zeros((2, 1, 8, 8, 1), np.float32), 1)
    png = as_png(figure)
    assert png.startswith(b"\x89PNG")
    for step in (5, 10, 1_000_000):
        write_samples(tmp_path, png, step)
    (tmp_path / "samples/step-mine.png").touch()
    forget_samples(tmp_path, 5)
    names = {file.name for file in (tmp_path / "samples").iterdir()}
    assert names == {"step-000005.png", "step-mine.png"}


def test_no_samples_no_folder(tmp_path: Path) -> None:
    forget_samples(tmp_path, 0)
    assert not (tmp_path / "samples").exists()


def test_samples_of_mini_stacks(stacks: list[TrainingStack]) -> None:
    noisy, clean = sample_batch(stacks, replace(RECIPE, architecture="paper-3d"))
    assert (noisy.shape, clean.shape) == ((3, 16, 32, 32, 1), (3, 32, 32, 1))
