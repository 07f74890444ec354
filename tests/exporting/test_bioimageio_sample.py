from __future__ import annotations

import imagecodecs
import numpy as np
import pytest

from crispim_ij.exporting.bioimageio_sample import NOISE_SD, Sample, cover_png, noisy_specimen
from crispim_ij.models import find_model

SPEC = find_model("crispim-2d").spec


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample.of(find_model("crispim-2d"))


def test_the_specimen_is_whole_counts_of_a_camera(sample: Sample) -> None:
    assert sample.noisy.dtype == np.float32
    np.testing.assert_array_equal(sample.noisy, np.rint(sample.noisy))
    assert 0 <= sample.noisy.min() < 150 < np.median(sample.noisy) < 500 < sample.noisy.max()
    np.testing.assert_array_equal(sample.noisy, noisy_specimen(SPEC))


def test_a_mini_stack_for_3d_models() -> None:
    assert noisy_specimen(find_model("crispim-3d").spec).shape == (5, 128, 128)


def test_the_shipped_model_takes_most_of_the_noise_off(sample: Sample) -> None:
    assert 0.8 * NOISE_SD < np.std(sample.noisy - sample.denoised) < NOISE_SD


def test_the_cover_shows_noisy_beside_denoised(sample: Sample) -> None:
    cover = imagecodecs.png_decode(cover_png(sample))
    assert (cover.shape, cover.dtype) == ((256, 512), np.uint8)
    left, right = (np.abs(np.diff(half.astype(float))).mean() for half in np.hsplit(cover, 2))
    assert right < left / 3
    flat = Sample(sample.noisy, np.full_like(sample.denoised, 200))
    assert imagecodecs.png_decode(cover_png(flat)).shape == (256, 512)
