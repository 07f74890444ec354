from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.models import load_model
from crispim_ij.parity import NativeImageJ
from crispim_ij.reproduction import Advance, RunDirectory, recipes, reproduce
from crispim_ij.reproduction.tables import TABLES
from tests.reproduction.process import begin, kill_in, small_run

# In less time, tests/cli/test_reproduce.py goes the whole way.
pytestmark = pytest.mark.slow


class Watch:
    """Remembers which stages ran, and how far."""

    def __init__(self) -> None:
        self.stages: dict[str, list[int]] = {}

    @contextmanager
    def __call__(self, what: str, total: int, unit: str) -> Iterator[Advance]:
        self.stages[what] = []
        yield lambda done, remark: self.stages[what].append(done)


@pytest.fixture(scope="module", autouse=True)
def _few_steps() -> Iterator[None]:
    before = recipes.QUICK
    yield
    recipes.QUICK = before


@pytest.fixture(scope="module")
def whole(brains: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run that nothing kept from its end."""
    place = RunDirectory(tmp_path_factory.mktemp("whole") / "out")
    run = small_run(brains)
    begin(run, place)
    reproduce(run, place, Watch())
    return place


def test_planes_are_mapped_and_get_imagejs_noise(whole: RunDirectory, brains: Path) -> None:
    plan = small_run(brains).plan
    for stack in plan.training:
        clean = tifffile.imread(whole.clean / f"{stack.name}.tif")
        noisy = tifffile.imread(whole.noisy / f"{stack.name}.tif")
        low, high = np.percentile(clean, (1, 99))
        assert (low, high) == pytest.approx((100, 500), abs=1)
        sd, seed = stack.preprocess.noise_sd[0], stack.preprocess.seed
        assert seed is not None
        np.testing.assert_array_equal(noisy[3], NativeImageJ().noise(clean[3], sd, seed + 3))
    assert {file.stem for file in whole.noisy.glob("*.tif")} == {one.name for one in plan.training}


def test_no_network_has_seen_the_test_stack(whole: RunDirectory, brains: Path) -> None:
    plan = small_run(brains).plan
    for name in recipes.NETWORKS:
        data = load_model(whole.models / name).spec.provenance["data"]
        assert [one["clean"] for one in data] == [f"{one.name}.tif" for one in plan.training]


def test_the_report_holds_both_tables(whole: RunDirectory) -> None:
    content = json.loads((whole.report / "report.json").read_text(encoding="utf-8"))
    text = json.dumps(content)
    for table in TABLES:
        assert f"{table.name}: {table.title}" in text
        for method in (*table.networks, *table.baselines):
            assert f'"{method}"' in text
    assert "This is a quick run" in text


def test_a_run_killed_again_and_again_comes_to_the_same_weights(
    whole: RunDirectory, brains: Path, tmp_path: Path
) -> None:
    place = RunDirectory(tmp_path / "out")
    for stage, at in (("preparing brain 1", 3), ("training paper-3d", 3)):
        assert kill_in(brains, place.folder, stage, at) == -signal.SIGKILL
    watch = Watch()
    reproduce(small_run(brains), place, watch)
    # The 3D network goes on from its last checkpoint; what came before is not done again.
    assert watch.stages["training paper-3d"] == [3, 4, 5]
    assert list(watch.stages) == ["training paper-3d", "measuring Table 1", "measuring Table 2"]
    for name in recipes.NETWORKS:
        ours, theirs = (load_model(one.models / name).network() for one in (place, whole))
        for mine, yours in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, yours)
