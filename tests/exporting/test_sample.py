from __future__ import annotations

import numpy as np

from crispim_ij.exporting.sample import BRIGHTEST, keras_prediction, sample_counts
from crispim_ij.models import Model


def test_a_plane_that_tests_a_network(flat_model: Model) -> None:
    counts = sample_counts(flat_model.spec)
    assert counts.dtype == np.float32
    assert counts.shape == (52, 68)
    assert (counts.min(), counts.max()) == (0, BRIGHTEST)
    np.testing.assert_array_equal(counts, sample_counts(flat_model.spec))
    denoised = keras_prediction(flat_model, counts)
    assert denoised.shape == counts.shape
    assert denoised.std() > 1


def test_a_mini_stack_for_3d(paper_3d: Model) -> None:
    counts = sample_counts(paper_3d.spec)
    assert counts.shape == (16, 24, 40)
    assert keras_prediction(paper_3d, counts).shape == (24, 40)
