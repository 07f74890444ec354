from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.exporting.bioimageio_description import describe
from crispim_ij.exporting.units import COUNTS, VALUES, Units, check_noise, with_noise
from crispim_ij.models import Model
from crispim_ij.noise import NO_NOISE, CameraNoise, restore, stabilise
from crispim_ij.noise.stabilise import restored, stabilised

NOISES = [
    CameraNoise(0, 0, 30),
    CameraNoise(0, 100, 2.5),
    CameraNoise(2.1, 100, 9.8),
    CameraNoise(1, 0, 0),
    CameraNoise(1e-4, 5, 3),
]


def counts() -> NDArray[np.float32]:
    """From below the offset to the brightest of 16 bits."""
    return np.linspace(-60, 65535, 40_000, dtype=np.float32).reshape(1, 200, 200, 1)


@pytest.mark.parametrize("noise", NOISES)
def test_the_graph_computes_what_numpy_does(noise: CameraNoise) -> None:
    given = keras.Input((None, None, 1), dtype="float32")
    forth = keras.Model(given, stabilised(given, noise, keras.ops))
    back = keras.Model(given, restored(given, noise, keras.ops))
    values = stabilise(counts(), noise)
    np.testing.assert_allclose(np.asarray(forth(counts())), values, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(np.asarray(back(values)), restore(values, noise), rtol=1e-6)


@pytest.mark.parametrize(
    "noise", [NOISES[0], *(pytest.param(one, marks=pytest.mark.long) for one in NOISES[1:3])]
)
def test_a_told_model_takes_counts(stabilised_2d: Model, noise: CameraNoise) -> None:
    told = with_noise(stabilised_2d, noise)
    plane = np.random.default_rng(0).gamma(4, 60, (1, 48, 64, 1)).astype(np.float32)
    values = np.asarray(stabilised_2d.network()(stabilise(plane, noise)))
    result = np.asarray(told.network()(plane))
    np.testing.assert_allclose(result, restore(values, noise), atol=1e-3)
    assert np.abs(result - plane).mean() > 1
    assert not told.spec.takes_noise


def test_what_goes_in(paper_2d: Model, stabilised_2d: Model) -> None:
    assert Units.of(paper_2d) == COUNTS
    assert Units.of(stabilised_2d) == VALUES
    told = Units.of(with_noise(stabilised_2d, CameraNoise(2.1, 100, 9.8)))
    assert told.facts == {"noise": "2.1:100:9.8"}
    assert "counts in, raw counts out, of the noise 2.1:100:9.8" in told.says
    assert [units.are_values for units in (COUNTS, VALUES, told)] == [False, True, False]
    assert Units.of_facts({"type": "x", **VALUES.facts}) == VALUES
    assert Units.of_facts({"type": "x", **told.facts}) == COUNTS


def test_an_export_says_that_a_model_has_learnt_a_grain(stabilised_2d: Model) -> None:
    learnt = {"data": [{"noisy": "scan.tif", "grain": {"down": 0.5, "right": 0.25, "period": 3}}]}
    adapted = replace(stabilised_2d, spec=replace(stabilised_2d.spec, provenance=learnt))
    units = Units.of(adapted)
    assert units.facts == {**VALUES.facts, "learnt_grain": "0.5:0.25:3"}
    assert units.are_of_all_noise
    assert units.are_values
    assert "standard deviation is that of all of the noise" in units.says
    assert Units.of_facts({"type": "x", **units.facts}) == units
    assert "that of all of the noise" in describe(adapted.spec, None, units)["description"]
    assert not VALUES.are_of_all_noise
    assert "all of the noise" not in describe(stabilised_2d.spec, None, VALUES)["description"]


def test_untold_models_stay_as_they_are(stabilised_2d: Model) -> None:
    assert with_noise(stabilised_2d, None) is stabilised_2d


def test_noise_that_is_none_is_refused(stabilised_2d: Model) -> None:
    with pytest.raises(CrispimError, match="can't be told that there is no noise"):
        check_noise(stabilised_2d.spec, NO_NOISE)
