"""Schedulers and workers of Dask, as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ENDURANCE = 60.0
_ROOT = Path(__file__).parents[2]


class Dask:
    """A scheduler and its workers, one thread each.

    Parameters
    ----------
    folder : Path
        For their files.
    **env : str
        Variables in their environment.
    """

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        self.workers: list[subprocess.Popen[bytes]] = []
        # Workers import the jobs of these tests, too.
        own = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path])}
        self.env = os.environ | own | env
        port = folder / "scheduler.json"
        self.scheduler = self._started(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
            "--scheduler-file", str(port),
        )  # fmt: skip
        wait_until(port.exists)
        # Dask writes the file and then its content.
        wait_until(lambda: b"tcp://" in port.read_bytes())
        self.address = port.read_text().split('"address": "')[1].split('"')[0]

    def _started(self, what: str, *options: str, **env: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *options]
        with (self.folder / f"{what}.log").open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, env=self.env | env, cwd=self.folder
            )

    def start_worker(self, **env: str) -> subprocess.Popen[bytes]:
        """Start one more worker, with some variables in its environment."""
        options = (
            "--nthreads",
            "1",
            "--no-nanny",
            "--no-dashboard",
            "--memory-limit",
            "0",
            "--death-timeout",
            "60",
        )
        worker = self._started("worker", self.address, *options, **env)
        self.workers.append(worker)
        return worker

    def kill_worker(self) -> None:
        """Kill the worker that has been there longest, and start another."""
        worker = self.workers.pop(0)
        worker.kill()
        worker.wait()
        self.start_worker()

    @contextmanager
    def killing(self, seconds: float) -> Iterator[list[float]]:
        """Kill a worker every so many seconds; the list that is given tells when."""
        kills: list[float] = []
        over = threading.Event()

        def kill() -> None:
            while not over.wait(seconds):
                self.kill_worker()
                kills.append(time.monotonic())

        thread = threading.Thread(target=kill)
        thread.start()
        try:
            yield kills
        finally:
            over.set()
            thread.join()

    @contextmanager
    def replacing(self) -> Iterator[None]:
        """Start another worker wherever one dies."""
        over = threading.Event()

        def replace() -> None:
            while not over.wait(0.1):
                dead = [worker for worker in self.workers if worker.poll() is not None]
                for worker in dead:
                    self.workers.remove(worker)
                    self.start_worker()

        thread = threading.Thread(target=replace)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def stop(self) -> None:
        """End all of it."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def wait_until(ready: object, seconds: float = _ENDURANCE) -> None:
    """Wait until a function says yes."""
    assert callable(ready)
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def content(path: Path) -> dict[str, bytes]:
    """Every file that a user sees."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return {str(p.relative_to(path)): p.read_bytes() for p in files if p.name[:8] != ".crispim"}
