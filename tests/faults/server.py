"""Processes that begin where all is imported: each is forked for one run.

Standard input has one line of JSON a run. What it says and how it ends go to files
beside `out`: 'out', 'err', 'pid' and 'status'.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import imagecodecs  # noqa: F401
import numpy as np
import tifffile
import zarr  # noqa: F401

import crispim_ij.cli.main
import crispim_ij.parity.kernels
import crispim_ij.planes.ome_zarr_write
import crispim_ij.preprocessing


def told(folder: Path, name: str, text: str) -> None:
    """Write a file that is there whole or not at all."""
    (folder / f"{name}.new").write_text(text)
    (folder / f"{name}.new").replace(folder / name)


def watch(folder: Path, pid: int) -> None:
    """Wait for a run's end and say how it was."""
    told(folder, "pid", str(pid))
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    told(folder, "status", str(status))
    os._exit(0)


def become(said: dict[str, Any]) -> None:
    """Make this process the one that is to run."""
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(Path(said["folder"]) / name, os.O_WRONLY | os.O_CREAT, 0o666)
        os.dup2(file, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(said["environment"])
    sys.argv = ["crispim-ij", *said["arguments"]]


def code_of_next_run() -> str | None:
    """Return, in a process of its own, the code to run; None where no run is left."""
    for line in sys.stdin:
        said = json.loads(line)
        if os.fork():
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        pid = os.fork()
        if pid:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            watch(Path(said["folder"]), pid)
        become(said)
        return str(said["code"])
    return None


def warm_up() -> None:
    """Run once, so that all is imported that a run as someone without rights can't read."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "in").mkdir()
        tifffile.imwrite(Path(folder) / "in/0.tif", np.zeros((8, 8), np.uint16))
        said = ["preprocess", f"{folder}/in", f"{folder}/out", "--workers", "1", "--factor", "2"]
        with redirect_stdout(None), redirect_stderr(io.StringIO()):
            crispim_ij.cli.main.app(said, standalone_mode=False)


if __name__ == "__main__":
    warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    code = code_of_next_run()
    if code is not None:
        exec(code, {"__name__": "__main__"})  # noqa: S102
