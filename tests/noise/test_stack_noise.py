"""What a run is told of the noise."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from crispim_ij.errors import CrispimError
from crispim_ij.models import SharedNoise
from crispim_ij.noise import MEASURED, NO_NOISE, CameraNoise, NoiseOptions, StackNoise, tell_noise
from crispim_ij.planes.arrays import ArraySource
from crispim_ij.planes.metadata import Metadata

SDS = (10.0, 40.0)


def gaussian(sd: float, planes: int = 3) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(300, sd, (planes, 64, 80))


def two_channels(axes: str) -> ArraySource:
    """Three planes of each of two channels, whose noise differs."""
    stack = np.stack([gaussian(sd) for sd in SDS])
    if axes == "ZC":
        stack = np.moveaxis(stack, 0, 1)
    source = ArraySource(stack.reshape(6, 64, 80))
    source.metadata = Metadata(axes=axes, sizes=stack.shape[:2])
    return source


def test_it_is_measured() -> None:
    told = tell_noise(ArraySource(gaussian(25)), MEASURED)
    (noise,) = told.channels
    assert noise.read_noise == pytest.approx(25, rel=0.05)
    assert told.lines == (f"noise: sd {noise.read_noise:.3g} counts",)
    assert told.problems == ()


def test_what_is_given_is_taken() -> None:
    camera = CameraNoise(2, 100, 3)
    told = tell_noise(ArraySource(np.zeros((2, 64, 80))), NoiseOptions(camera))
    assert told.channels == (camera,)
    assert told.problems == ()


@pytest.mark.parametrize(
    ("given", "leads_to"), [(15, "noise stays in"), (22, ""), (34, ""), (45, "structure may be")]
)
def test_what_is_given_is_doubted_where_the_planes_show_other_noise(
    given: float, leads_to: str
) -> None:
    options = NoiseOptions(CameraNoise(0, 0, given))
    told = tell_noise(ArraySource(gaussian(27)), options)
    assert told.channels == (options.given,)
    if not leads_to:
        assert told.problems == ()
        return
    (problem,) = told.problems
    assert f"Noise of sd {given} counts was given, and the planes show 2" in problem
    assert leads_to in problem


def test_given_noise_that_pixels_share_is_doubted() -> None:
    shared = ArraySource(uniform_filter(gaussian(60), (0, 2, 2)))
    options = NoiseOptions(CameraNoise(0, 0, 30))
    (problem,) = tell_noise(shared, options).problems
    assert problem.startswith("Neighbouring pixels share noise. The model knows no such noise")
    assert tell_noise(shared, options, learnt=()).problems == ()


BLURRED = (0, 2, 2)
LEARNT = [SharedNoise(0.5, 0.5)]
"""How pixels share noise that is so blurred."""


@pytest.mark.parametrize("given", [None, CameraNoise(0, 0, 30)])
def test_noise_that_a_model_was_not_adapted_to_is_said(given: CameraNoise | None) -> None:
    """As if it was to be independent, shared in another way, or stronger again every few pixels."""
    options = NoiseOptions(given)
    blurred = ArraySource(uniform_filter(gaussian(60), BLURRED))
    if given:
        assert tell_noise(blurred, options, learnt=LEARNT).problems == ()
    (known,) = tell_noise(blurred, MEASURED, learnt=LEARNT).problems
    assert "adapted to" not in known
    white = gaussian(30)
    for other, learnt in [
        (white, LEARNT),
        (uniform_filter(gaussian(40), (0, 2, 1)), LEARNT),
        (uniform_filter(gaussian(60), BLURRED), [SharedNoise(0.5, 0.5, 3.0)]),
        (uniform_filter(gaussian(60), BLURRED), [SharedNoise(0.0, 0.5), SharedNoise(0.1, 0.1)]),
    ]:
        (problem,) = tell_noise(ArraySource(other), options, learnt=learnt).problems
        assert f"the model was adapted to noise that {learnt[0]}" in problem
        helps = "Take a model that ships" if other is white else "Adapt one to these planes"
        assert helps in problem


@pytest.mark.parametrize(("axes", "order"), [("CZ", [0, 0, 0, 1, 1, 1]), ("ZC", [0, 1] * 3)])
def test_each_plane_is_told_the_noise_of_its_channel(axes: str, order: list[int]) -> None:
    source = two_channels(axes)
    told = tell_noise(source, MEASURED)
    for noise, sd in zip(told.channels, SDS, strict=True):
        assert noise.read_noise == pytest.approx(sd, rel=0.1)
    assert told.of_planes(source) == [told.channels[channel] for channel in order]
    assert [line.split(" noise: ")[0] for line in told.lines] == ["channel 1:", "channel 2:"]


def test_what_is_given_goes_for_all_channels() -> None:
    source, camera = two_channels("ZC"), CameraNoise(0, 0, 30)
    assert tell_noise(source, NoiseOptions(camera)).of_planes(source) == [camera] * 6


def test_strength_scales_the_noise_at_every_light() -> None:
    source = ArraySource(gaussian(25))
    camera = CameraNoise(2, 100, 3)
    planes = StackNoise((camera,), 1.5).of_planes(source)
    counts = np.array([100.0, 200.0, 3000.0])
    assert len(planes) == 3
    for noise in planes:
        np.testing.assert_allclose(noise.variance(counts), 1.5**2 * camera.variance(counts))
    assert StackNoise((NO_NOISE,), 2.0).of_planes(source) == [NO_NOISE] * 3


def test_a_record_is_read_again() -> None:
    constant = np.full((3, 64, 80), 7.0)
    source = two_channels("CZ")
    source._planes = np.concatenate([gaussian(25), constant])
    told = tell_noise(source, NoiseOptions(strength=0.7))
    assert len(told.problems) == 1
    assert StackNoise.from_record(json.loads(json.dumps(told.as_record()))) == told


def test_what_can_not_be_measured_stays() -> None:
    told = tell_noise(ArraySource(np.full((2, 64, 80), 7, np.uint16)), MEASURED)
    assert told.channels == (NO_NOISE,)
    (problem,) = told.problems
    assert problem.startswith("The planes are constant")
    assert "the planes stay as they are: tell it with --noise" in problem


def test_shared_noise_is_said() -> None:
    shared = uniform_filter(gaussian(60), (0, 2, 1))
    told = tell_noise(ArraySource(shared), MEASURED)
    (problem,) = told.problems
    assert problem.startswith("Neighbouring pixels share noise. ")
    assert "give planes as the camera took them" in problem
    assert not told.channels[0].is_none


@pytest.mark.parametrize("strength", [0.49, 2.01, float("nan"), float("inf"), -1.0])
def test_strengths_that_can_not_be(strength: float) -> None:
    with pytest.raises(CrispimError, match=r"\(--strength\) must be from 0\.5 to 2"):
        NoiseOptions(strength=strength)


def test_what_is_left_to_the_program() -> None:
    assert NoiseOptions().is_default
    assert not NoiseOptions(strength=1.1).is_default
    assert not NoiseOptions(CameraNoise(0, 0, 1)).is_default
