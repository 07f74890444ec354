"""What `crispim-ij denoise` tells models of the noise, and says of it."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from crispim_ij.denoising import load_denoiser
from crispim_ij.models import save_model
from crispim_ij.networks import build
from crispim_ij.noise import CameraNoise, measure_noise
from crispim_ij.planes import open_source
from tests.cli.conftest import Call
from tests.faults.process import SLOWLY, begun, content, wait_for_planes
from tests.guessing import guessing_model


def planes_of(path: Path) -> NDArray[Any]:
    with open_source(path) as source:
        return np.stack([source.read(k) for k in range(len(source))])


def expected(model: Path, planes: Path, noise: CameraNoise) -> NDArray[Any]:
    """Planes denoised one by one, in whole counts."""
    denoise = load_denoiser(str(model)).told(noise)
    return np.stack([np.clip(np.rint(denoise(plane)), 0, 65535) for plane in planes_of(planes)])


def facts_of(call: Call, *given: object) -> dict[str, Any]:
    answer = call(*given, "--json")
    assert answer.status == 0, answer.err
    facts = json.loads(answer.out)
    assert isinstance(facts, dict)
    return facts


def test_the_noise_is_measured_and_said(
    call: Call, told: Path, grainy: Path, tmp_path: Path
) -> None:
    answer = call("denoise", grainy, tmp_path / "out", "--model", told)
    assert answer.status == 0, answer.err
    with open_source(grainy) as source:
        (found,) = measure_noise(source)
    assert found.noise is not None
    assert found.noise.read_noise == pytest.approx(30, rel=0.05)
    assert answer.out.splitlines()[0] == found.in_words()
    result = planes_of(tmp_path / "out")
    np.testing.assert_allclose(result, expected(told, grainy, found.noise), atol=1)
    assert np.abs(result - planes_of(grainy).astype(float)).std() > 3


def test_the_noise_may_be_told(call: Call, told: Path, grainy: Path, tmp_path: Path) -> None:
    given = ["denoise", grainy, tmp_path / "out", "--model", told]
    facts = facts_of(call, *given, "--noise", "2:100:6", "--strength", 1.5)
    assert facts["noise"] == {
        "channels": [{"gain": 2.0, "offset": 100.0, "read_noise": 6.0}],
        "strength": 1.5,
        "lines": [],
        "problems": [],
    }
    stronger = CameraNoise(4.5, 100, 9)
    np.testing.assert_allclose(
        planes_of(tmp_path / "out"), expected(told, grainy, stronger), atol=1
    )
    sd = facts_of(call, *given, "--noise", 25, "--overwrite")["noise"]["channels"]
    assert sd == [{"gain": 0.0, "offset": 0.0, "read_noise": 25.0}]


def test_a_dry_run_measures_as_well(call: Call, told: Path, grainy: Path, tmp_path: Path) -> None:
    given = ["denoise", grainy, tmp_path / "out", "--model", told, "--dry-run"]
    answer = call(*given)
    assert answer.out.splitlines()[0].startswith("noise: sd ")
    assert not (tmp_path / "out").exists()
    (noise,) = facts_of(call, *given)["noise"]["channels"]
    assert noise["read_noise"] == pytest.approx(30, rel=0.05)


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_killed_run_goes_on_with_the_noise_that_it_measured(
    call: Call, told: Path, grainy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(3, 12):
        (grainy / f"{index}.tif").write_bytes((grainy / f"{index % 3}.tif").read_bytes())
    said = ["denoise", grainy, tmp_path / "out.tif", "--model", told]
    run = begun(*said, before=SLOWLY)
    wait_for_planes(run, tmp_path / "out.tif")
    run.signal(signal.SIGKILL)
    assert run.ended().status == -signal.SIGKILL

    def again(*_: object) -> None:
        raise AssertionError("measured again")

    with monkeypatch.context() as patch:
        patch.setattr("crispim_ij.jobs.denoise.tell_noise", again)
        refused = call(*said, "--resume", "--noise", 25)
        assert refused.status == 2
        assert '--noise was "auto" when it was begun and is "25" now' in " ".join(
            refused.err.split()
        )
        other = call(*said, "--resume", "--strength", 1.5)
        assert "--strength was 1.0 when it was begun and is 1.5 now" in " ".join(other.err.split())
        answer = call(*said, "--resume")
    assert answer.status == 0, answer.err
    unbroken = call(*said[:2], tmp_path / "unbroken.tif", *said[3:])
    assert answer.out.splitlines()[0] == unbroken.out.splitlines()[0]
    assert list(content(tmp_path / "out.tif").values()) == list(
        content(tmp_path / "unbroken.tif").values()
    )


@pytest.mark.parametrize("option", [("--noise", "25"), ("--strength", "1.5")])
def test_a_model_that_guesses_is_told_nothing(
    call: Call, model: Path, noisy: Path, tmp_path: Path, option: tuple[str, str]
) -> None:
    answer = call("denoise", noisy, tmp_path / "out", "--model", model, *option)
    assert answer.status == 2
    assert "Model 'random' guesses the noise" in " ".join(answer.err.split())
    assert not (tmp_path / "out").exists()
    assert facts_of(call, "denoise", noisy, tmp_path / "out", "--model", model)["noise"] is None


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (("--noise", "much"), "The noise 'much' (--noise) can't be read"),
        (("--noise", "-3"), "can't be read"),
        (("--noise", "2:100"), "can't be read"),
        (("--noise", "-2:100:3"), "A camera's gain can't be -2.0"),
        (("--strength", "3"), "The strength 3 (--strength) must be from 0.5 to 2"),
    ],
)
def test_faults(
    call: Call, told: Path, grainy: Path, tmp_path: Path, option: tuple[str, str], says: str
) -> None:
    answer = call("denoise", grainy, tmp_path / "out", "--model", told, *option)
    assert answer.status == 2
    assert says in " ".join(answer.err.split())
    assert not (tmp_path / "out").exists()


def test_constant_planes_come_back(call: Call, told: Path, tmp_path: Path) -> None:
    stack = np.full((2, 48, 64), 200, np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="minisblack")
    answer = call("denoise", tmp_path / "in.tif", tmp_path / "out.tif", "--model", told)
    assert answer.status == 0, answer.err
    said = " ".join(answer.err.split())
    assert said == (
        "The planes are constant, or nearly so. No noise is known, so the planes stay as they are: "
        "tell it with --noise."
    )
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), stack)


def test_shared_noise_is_said(call: Call, told: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 60, (3, 64, 80))
    stack = (300 + uniform_filter(noise, (0, 2, 2))).round().astype(np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="minisblack")
    answer = call("denoise", tmp_path / "in.tif", tmp_path / "out.tif", "--model", told, "--json")
    assert answer.status == 0, answer.err
    assert " ".join(answer.err.split()).startswith("Neighbouring pixels share noise. ")
    (problem,) = json.loads(answer.out)["noise"]["problems"]
    assert problem == " ".join(answer.err.split())


def test_each_channel_is_told_its_own(call: Call, told: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    stack = np.stack([rng.normal(300, sd, (3, 64, 80)) for sd in (10, 50)], axis=1)
    tifffile.imwrite(
        tmp_path / "in.tif",
        stack.round().astype(np.uint16),
        imagej=True,
        metadata={"axes": "ZCYX"},
    )
    given = ["denoise", tmp_path / "in.tif", tmp_path / "out.tif", "--model", told]
    answer = call(*given)
    assert answer.status == 0, answer.err
    for line, number in zip(answer.out.splitlines(), (1, 2), strict=False):
        assert line.startswith(f"channel {number}: noise: sd ")
    result = tifffile.imread(tmp_path / "out.tif")
    channels = facts_of(call, *given, "--overwrite")["noise"]["channels"]
    for number, noise in enumerate(channels):
        tifffile.imwrite(
            tmp_path / "one.tif",
            tifffile.imread(tmp_path / "in.tif")[:, number],
            photometric="minisblack",
        )
        alone = expected(told, tmp_path / "one.tif", CameraNoise(**noise))
        np.testing.assert_allclose(result[:, number], alone, atol=1)


def test_noise_that_a_model_was_not_trained_on_is_said(
    call: Call, grainy: Path, tmp_path: Path
) -> None:
    for name, high in (("weak", 10), ("fitting", 60)):
        recipe = {"recipe": {"noise_sd": [5, high]}}
        save_model(build("paper-2d"), "paper-2d", tmp_path / name, recipe)
    for name, says in (("weak", "this is stronger, and some of it will be left"), ("fitting", "")):
        answer = call("denoise", grainy, tmp_path / f"{name} out", "--model", tmp_path / name)
        assert answer.status == 0, answer.err
        assert says in " ".join(answer.err.split())
        assert bool(answer.err) == bool(says)


def test_noise_that_a_model_does_not_know_is_said(call: Call, tmp_path: Path) -> None:
    """The planes are written all the same."""
    guessing_model(tmp_path / "guesses")
    planes = np.random.default_rng(0).normal(2000, 300, (2, 64, 64)).astype(np.float32)
    tifffile.imwrite(tmp_path / "in.tif", planes, photometric="minisblack")
    model = ("--model", tmp_path / "guesses")
    answer = call("denoise", tmp_path / "in.tif", tmp_path / "out.tif", *model)
    assert answer.status == 0, answer.err
    said = " ".join(answer.err.split())
    assert "guesses was trained on sd 10 to 60 counts; this is stronger" in said
    assert "These models fit (--model): crispim-2d" in said
    assert (tmp_path / "out.tif").exists()


def test_one_slice_does_not_suit_a_3d_model(call: Call, tmp_path: Path) -> None:
    plane = np.random.default_rng(0).normal(300, 30, (64, 72)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", plane)
    answer = call("denoise", tmp_path / "in.tif", tmp_path / "out.tif", "--model", "crispim-3d")
    assert answer.status == 0, answer.err
    said = " ".join(answer.err.split())
    assert "crispim-3d makes a plane of 7, but there is one slice" in said
    assert "These models fit (--model): crispim-2d" in said
