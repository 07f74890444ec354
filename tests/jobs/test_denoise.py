"""A denoising is planned before anything is read by a network, and tells what it will do."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.denoising import DenoiseSettings
from crispim_ij.denoising.uncertainty import ErrorModel
from crispim_ij.errors import CrispimError
from crispim_ij.jobs import (
    DenoiseJob,
    Output,
    denoise_locally,
    plan_denoising,
    plan_denoising_into,
)
from crispim_ij.models import Model
from crispim_ij.noise import CameraNoise, NoiseOptions
from crispim_ij.planes import SinkSettings, Source, ZarrSettings, open_source
from crispim_ij.planes.arrays import ArraySink, ArraySource
from tests.made import fresh_model
from tests.told import told_model

PLANES = np.random.default_rng(3).normal(300, 30, (3, 70, 40)).round().astype(np.uint16)


@pytest.fixture(scope="module")
def model() -> Model:
    return fresh_model("paper-2d")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return told_model(tmp_path_factory.mktemp("models") / "told")


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "in.tif", PLANES, imagej=True, metadata={"axes": "TYX"})
    return tmp_path / "in.tif"


def planned(source: Source, output: Path, model: Model, resume: bool = False) -> DenoiseJob:
    settings = SinkSettings(resume=resume, zarr=ZarrSettings(chunk=32))
    return plan_denoising(
        source, [Output(output, settings)], model, DenoiseSettings(tile=32), options={}
    )


def test_its_facts(model: Model, noisy: Path, tmp_path: Path) -> None:
    with open_source(noisy) as source:
        facts = planned(source, tmp_path / "out", model).facts()
    assert facts["input"]["planes"] == 3
    (output,) = facts["outputs"]
    assert (output["path"], output["bytes"]) == (str(tmp_path / "out"), PLANES.nbytes)
    assert facts["model"] == {"name": "paper-2d", "sha256": model.spec.sha256}
    assert (facts["noise"], facts["tile"]) == (None, 32)
    assert not (tmp_path / "out").exists()


def test_what_a_model_is_told_of_each_plane(told: Model, noisy: Path, tmp_path: Path) -> None:
    with open_source(noisy) as source:
        measured = planned(source, tmp_path / "out", told).noises
        given = plan_denoising(
            source,
            [Output(tmp_path / "out")],
            str(told.folder),
            DenoiseSettings(),
            NoiseOptions(CameraNoise(0, 0, 25), 2.0),
        ).noises
    assert measured is not None
    assert [noise.read_noise for noise in measured] == pytest.approx([30] * 3, rel=0.05)
    assert given == [CameraNoise(0, 0, 50)] * 3


def test_expected_errors_are_not_whole_counts(told: Model, noisy: Path, tmp_path: Path) -> None:
    ErrorModel(2.0, 0.1, told.spec.sha256).write(told.folder)
    outputs = [Output(tmp_path / name) for name in ("out", "errors")]
    with open_source(noisy) as source:
        job = plan_denoising(source, outputs, told, DenoiseSettings())
    assert job.uncertain
    assert [output["type"] for output in job.facts()["outputs"]] == ["uint16", "float32"]


def test_what_does_not_fit_is_refused(noisy: Path, model: Model, tmp_path: Path) -> None:
    deep = fresh_model("residual-2.5d")
    output, stronger = [Output(tmp_path / "out")], NoiseOptions(strength=1.5)
    with open_source(noisy) as source:
        with pytest.raises(CrispimError, match="one slice for each channel and time point"):
            plan_denoising(source, output, deep, DenoiseSettings())
        with pytest.raises(CrispimError, match="guesses the noise"):
            plan_denoising(source, output, model, DenoiseSettings(), stronger)
        with pytest.raises(CrispimError, match=r"has no uncertainty.json"):
            plan_denoising(source, [*output, Output(tmp_path / "e")], model, DenoiseSettings())
        with pytest.raises(CrispimError, match=r"the output .* is the input"):
            plan_denoising(source, [Output(noisy)], model, DenoiseSettings())
    tifffile.imwrite(tmp_path / "small.tif", np.ones((3, 3), np.uint16))
    with (
        open_source(tmp_path / "small.tif") as source,
        pytest.raises(CrispimError, match="plane of 3 x 3 px is too small"),
    ):
        plan_denoising(source, output, model, DenoiseSettings())


def test_only_whole_planes_are_finished(model: Model, noisy: Path, tmp_path: Path) -> None:
    """Of cells of 32 px a plane of 70 x 40 px has 6."""
    with open_source(noisy) as source:
        with closing(denoise_locally(planned(source, tmp_path / "out.zarr", model))) as steps:
            shares = [next(steps) for _ in range(1 + 7)]
        assert shares[0] == 0
        again = planned(source, tmp_path / "out.zarr", model, resume=True)
        with closing(denoise_locally(again)) as steps:
            next(steps)
            finished = again.finished()
            assert sum(finished) == pytest.approx(sum(shares))
            assert [share == 1 for share in finished] == [True, False, False]
            assert sum(steps) == pytest.approx(3 - sum(shares))
    assert (tmp_path / "out.zarr").exists()


def test_a_model_that_has_learnt_a_grain_is_told_all_of_the_noise(told: Model) -> None:
    """Of rows that share half of it, too."""
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 30, (4, 64, 64)) + rng.normal(0, 30, (4, 64, 1))
    source = ArraySource((500 + noise).astype(np.float32))
    sink = ArraySink(source.shape, source.dtype)
    learnt = replace(told.spec, provenance={"data": [{"grain": {"down": 0.0, "right": 0.5}}]})
    for spec, sd in ((told.spec, 30), (learnt, 30 * 2**0.5)):
        job = plan_denoising_into(source, sink, Model(told.folder, spec), DenoiseSettings())
        assert job.noise is not None
        assert job.noise.channels[0].read_noise == pytest.approx(sd, rel=0.15)
