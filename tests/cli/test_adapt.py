"""`crispim-ij adapt` and `denoise --adapt`."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.cli.adapt import say_adapted
from crispim_ij.models import load_model
from crispim_ij.training import Adapted
from tests.cli.conftest import Call


def test_what_is_refused(call: Call, model: Path, told: Path, grainy: Path, tmp_path: Path) -> None:
    given = ["adapt", grainy, tmp_path / "mine", "--from"]
    refused = call(*given, model)
    assert refused.status == 2
    assert "guesses the noise, and only models that are told it" in " ".join(refused.err.split())
    assert "exists already" in call("adapt", grainy, told, "--from", told).err
    assert call(*given, told, "--minutes", 0).status == 2
    assert not (tmp_path / "mine").exists()


def test_a_dry_run(call: Call, told: Path, grainy: Path, tmp_path: Path) -> None:
    answer = call("adapt", grainy, tmp_path / "mine", "--from", told, "--dry-run")
    assert answer.status == 0, answer.err
    assert "Would write a model, to " in answer.out
    assert not (tmp_path / "mine").exists()


@pytest.mark.long
@pytest.mark.parametrize(
    ("after", "is_better", "is_doubtful", "figure", "says"),
    [
        (9.8, True, False, "9.8", ""),
        (9.8, False, False, "9.8", "made nothing better"),
        (math.nan, False, True, "below 0", "below 0, so the noise"),
    ],
)
def test_what_is_said_of_the_result(
    told: Path,
    after: float,
    is_better: bool,
    is_doubtful: bool,
    figure: str,
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = load_model(told)
    say_adapted(Adapted(model, 46.2, 28.9, after, "counts", 900, is_better, is_doubtful), model)
    out, err = capsys.readouterr()
    assert f"adapted {figure} counts" in out
    assert says in err
    assert bool(err) == bool(says)


@pytest.mark.long
def test_denoise_adapts_first(call: Call, told: Path, grainy: Path, tmp_path: Path) -> None:
    """In no time, so that there are two steps."""
    output, mine = tmp_path / "out", tmp_path / "out.model"
    given = ["denoise", grainy, output, "--model", told, "--adapt", 1e-9]
    answer = call(*given)
    assert answer.status == 0, answer.err
    assert "Adapting told: 2 steps, about " in answer.err
    assert "Estimated error: noisy " in answer.out
    assert "counts, on planes that were kept apart" in answer.out
    alone = call("denoise", grainy, tmp_path / "alone", "--model", mine)
    assert alone.status == 0, alone.err
    for name in ("0.tif", "1.tif", "2.tif"):
        ours, theirs = (tifffile.imread(folder / name) for folder in (output, tmp_path / "alone"))
        np.testing.assert_array_equal(ours, theirs)
    again = call("adapt", grainy, mine, "--from", told, "--resume", "--json")
    assert again.status == 0, again.err
    facts = json.loads(again.out)
    assert (facts["from"], facts["steps"], facts["unit"]) == ("told", 2, "counts")
    assert facts["after"] <= facts["before"]
    assert facts["better"] == (facts["after"] < facts["before"])


def test_denoise_refuses_to_adapt(
    call: Call, model: Path, told: Path, grainy: Path, tmp_path: Path
) -> None:
    refused = call("denoise", grainy, tmp_path / "out", "--model", model, "--adapt", 3)
    assert "guesses the noise" in refused.err
    for name in ("a", "b"):
        (tmp_path / "tree" / name).mkdir(parents=True)
        plane = np.zeros((40, 40), np.uint16)
        tifffile.imwrite(tmp_path / "tree" / name / "0.tif", plane)
        tifffile.imwrite(tmp_path / "tree" / name / "1.tif", plane)
    refused = call("denoise", tmp_path / "tree", tmp_path / "out", "--model", told, "--adapt", 3)
    assert refused.status == 2
    assert "is a tree of stacks, and a model is adapted to one of them" in " ".join(
        refused.err.split()
    )
    assert not (tmp_path / "out").exists()
