from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from crispim_ij.cluster import ClusterClient, ClusterSettings, open_client
from crispim_ij.cluster.tasks import AHEAD, run_tasks
from crispim_ij.errors import CrispimError
from tests.cluster.jobs import Squares
from tests.cluster.processes import Dask


def results(
    client: ClusterClient, job: Squares, count: int, *, in_order: bool = False
) -> list[int]:
    answers = run_tasks(client, job, range(count), in_order=in_order)
    return [arrived[1].result for arrived in answers if arrived]


@pytest.mark.parametrize("in_order", [False, True])
def test_every_task_is_answered_once(client: ClusterClient, in_order: bool) -> None:
    found = results(client, Squares(), 50, in_order=in_order)
    assert (found if in_order else sorted(found)) == [k**2 for k in range(50)]


def test_few_tasks_are_handed_out_at_once(client: ClusterClient) -> None:
    asked = 0

    def tasks() -> Iterator[int]:
        nonlocal asked
        for k in range(60):
            asked += 1
            yield k

    answers = run_tasks(client, Squares(), tasks(), in_order=True)
    for done, _ in enumerate(filter(None, answers)):
        assert asked <= done + 2 * AHEAD
    assert asked == 60


def test_nothing_is_left_on_the_scheduler(client: ClusterClient) -> None:
    answers = run_tasks(client, Squares(pause=0.05), range(1000), in_order=False)
    next(filter(None, answers))
    answers.close()
    client.dask.run_on_scheduler(_wait_for_no_tasks)


async def _wait_for_no_tasks(dask_scheduler: object) -> None:
    import asyncio

    for _ in range(100):
        if not dask_scheduler.tasks:  # type: ignore[attr-defined]
            return
        await asyncio.sleep(0.05)
    raise AssertionError("tasks are left")


def test_a_fault_of_the_drive_is_forgiven(client: ClusterClient, tmp_path: Path) -> None:
    assert sorted(results(client, Squares(fails_until=tmp_path), 5)) == [0, 1, 4, 9, 16]
    assert len(list(tmp_path.iterdir())) == 3


def test_what_the_user_can_mend_is_not(client: ClusterClient) -> None:
    with pytest.raises(CrispimError, match="plane 3 is bad: mend it"):
        results(client, Squares(fault="plane 3 is bad: mend it."), 50)


def test_a_worker_that_lacks_something_ends_the_run(client: ClusterClient) -> None:
    with pytest.raises(CrispimError, match=r"On the worker .*: no disk there"):
        results(client, Squares(refuses="no disk there"), 50)


@pytest.mark.long
@pytest.mark.parametrize("in_order", [False, True])
def test_workers_that_die_lose_nothing(dask: Dask, client: ClusterClient, in_order: bool) -> None:
    with dask.killing(1.5) as kills:
        found = results(client, Squares(pause=0.2), 40, in_order=in_order)
    assert (found if in_order else sorted(found)) == [k**2 for k in range(40)]
    assert len(kills) >= 2


@pytest.mark.long
@pytest.mark.parametrize(
    ("tasks", "said"),
    [(range(40), r"5 .*\d"), ([3], "7 .*3")],
)
def test_a_task_that_kills_its_workers_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tasks: Iterable[int], said: str
) -> None:
    """Sooner where other tasks succeed; Dask blames each task that a dead worker had in hand."""
    monkeypatch.setattr("crispim_ij.cluster.tasks.HOPELESS", 7)
    dask = Dask(tmp_path, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    dask.start_worker()
    try:
        with (
            dask.replacing(),
            open_client(ClusterSettings(dask.address)) as client,
            pytest.raises(CrispimError, match=rf"^{said} in hand.*memory"),
        ):
            list(run_tasks(client, Squares(deadly=True), tasks, in_order=False))
    finally:
        dask.stop()


@pytest.mark.long
def test_a_scheduler_that_dies_ends_the_run(tmp_path: Path) -> None:
    dask = Dask(tmp_path, DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="2s")
    dask.start_worker()
    try:
        with open_client(ClusterSettings(dask.address)) as client:
            answers = run_tasks(client, Squares(pause=0.1), range(1000), in_order=False)
            next(filter(None, answers))
            dask.scheduler.kill()
            with pytest.raises(CrispimError, match="connection to the scheduler was lost"):
                list(answers)
    finally:
        dask.stop()


def test_workers_without_this_package(tmp_path: Path) -> None:
    (tmp_path / "crispim_ij").mkdir()
    (tmp_path / "crispim_ij/__init__.py").write_text("")
    old = os.environ | {"PYTHONPATH": str(tmp_path)}
    dask = Dask(tmp_path, **old)
    dask.start_worker()
    try:
        with (
            open_client(ClusterSettings(dask.address)) as client,
            pytest.raises(CrispimError, match="A worker lacks this version of crispim-ij"),
        ):
            results(client, Squares(), 3)
    finally:
        dask.stop()
