from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.models import load_model
from crispim_ij.phantom import PhantomSettings
from tests.cli.conftest import Call

NAMES = ["delivr-microglia-1874", "delivr-microglia-6506", "delivr-microglia-7095"]
NAMES += ["dlmbmap-axons", "dlmbmap-soma", "trailmap-axons"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in NAMES:
        planes = np.random.default_rng(1).gamma(4, 60, (6, 264, 264)).astype(np.uint16)
        tifffile.imwrite(folder / f"{name}.tif", planes, photometric="minisblack")
    return folder


@pytest.mark.long
def test_a_shipped_model_is_made_again(
    call: Call, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {f"phantom-{k}": PhantomSettings((6, 130, 140), k) for k in range(3)}
    monkeypatch.setattr("crispim_ij.training.shipped.phantoms", lambda: small)
    command = ("models", "train-shipped", "crispim-3d", data, tmp_path / "out", "--steps", 1)
    done = call(*command)
    assert done.status == 0, done.err
    first, last = (
        load_model(tmp_path / "out" / name) for name in ("crispim-2d-first", "crispim-3d")
    )
    assert first.spec.architecture == "residual-2d"
    assert last.spec.provenance["started_from"]["name"] == "crispim-3d-second"
    assert len(last.spec.provenance["data"]) == 11
    assert call(*command).err.count("exists already") == 5


def test_stacks_must_be_there(call: Call, data: Path, tmp_path: Path) -> None:
    (data / "dlmbmap-soma.tif").unlink()
    done = call("models", "train-shipped", "crispim-2d", data, tmp_path / "out")
    assert done.status == 2
    assert "lacks dlmbmap-soma.tif" in done.err
