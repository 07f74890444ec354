"""The command line in processes of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.interrupts import interruptible

COMMAND = "from crispim_ij.cli.main import run; run()"
# So that faults fall between planes and into them; the result does not depend on it.
SLOWLY = """
import sys, time
from crispim_ij.planes import journal
from crispim_ij.planes import tiff_write
journal.SECONDS_BETWEEN_SYNCS = 0.02
write = tiff_write.PageWriter.write
def slowly(self, plane):
    time.sleep(0.02)
    write(self, plane)
tiff_write.PageWriter.write = slowly
"""


@dataclass(frozen=True)
class Ended:
    """What a process ended with."""

    status: int
    out: str
    err: str

    def refused(self, *words: str) -> None:
        """Check that it ended with one sentence that has these words, and no traceback."""
        assert self.status == 2, self.err
        assert "Traceback" not in self.err
        # A progress bar may stand before it.
        _, mark, sentence = " ".join(self.err.split()).rpartition("Error: ")
        assert mark, self.err
        for word in words:
            assert word in sentence
        assert len([line for line in self.err.splitlines() if "Error: " in line]) == 1

    def well(self) -> None:
        """Check that it came to a good end."""
        assert self.status == 0, self.err
        assert "Traceback" not in self.err


def fresh(code: str) -> str:
    """Return code that runs other code in an interpreter that starts over."""
    words = f"[{sys.executable!r}, '-c', {code!r}, *sys.argv[1:]]"
    return f"import os, sys; os.execv({sys.executable!r}, {words})"


class Run:
    """A process that runs `crispim-ij`, or other code.

    Parameters
    ----------
    code : str
        What runs.
    said : objects
        Its arguments.
    variables : str
        Of its environment.
    """

    def __init__(self, code: str, *said: object, **variables: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="crispim-faults-"))
        # So that a run as someone else may write there.
        self._folder.chmod(0o777)
        line = {
            "folder": str(self._folder),
            "code": code,
            "arguments": [str(word) for word in said],
            "environment": variables,
        }
        stream = _server().stdin
        assert stream is not None
        stream.write(json.dumps(line) + "\n")
        stream.flush()
        self.pid = int(self._told("pid", 60))

    def _told(self, name: str, seconds: float) -> str:
        """Wait for a file."""
        end = time.monotonic() + seconds
        while not (self._folder / name).exists():
            assert time.monotonic() < end, f"no {name} after {seconds} s: {self.err()}"
            time.sleep(0.002)
        return (self._folder / name).read_text()

    def err(self) -> str:
        """Return what it has said so far on standard error."""
        return (self._folder / "err").read_text()

    def alive(self) -> bool:
        """Whether it runs."""
        return not (self._folder / "status").exists()

    def signal(self, number: int) -> None:
        """Send a signal."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def ended(self, seconds: float = 120) -> Ended:
        """Wait for its end."""
        status = int(self._told("status", seconds))
        out, err = (
            (self._folder / name).read_text() if (self._folder / name).exists() else ""
            for name in ("out", "err")
        )
        shutil.rmtree(self._folder)
        return Ended(status, out, err)


@cache
def _server() -> subprocess.Popen[str]:
    """Start what forks runs; it ends with this process, as its standard input does."""
    words = [sys.executable, "-m", "tests.faults.server"]
    root = Path(__file__).parents[2]
    with interruptible():
        return subprocess.Popen(words, stdin=subprocess.PIPE, text=True, cwd=root)


def begun(*said: object, before: str = "", **variables: str) -> Run:
    """Begin a run of `crispim-ij`, with other code before it."""
    return Run(before + COMMAND, *said, **variables)


def crispim(*said: object, before: str = "", **variables: str) -> Ended:
    """Run `crispim-ij` from beginning to end."""
    return begun(*said, before=before, **variables).ended()


def journal_of(output: Path) -> Path:
    """Return where a run into this output notes what is finished."""
    if output.suffix:
        return output.with_name(f".crispim-{output.name}.journal")
    return output / ".crispim-journal"


def wait_for_planes(run: Run, output: Path, times: int = 2) -> None:
    """Wait until a run has noted so many times what is finished."""
    journal = journal_of(output)
    while journal_count(journal) < times:
        assert run.alive(), run.err()
        time.sleep(0.005)


def journal_count(journal: Path) -> int:
    """Return how often a journal says what is finished."""
    return journal.read_bytes().count(b'"done"') if journal.exists() else 0


def content(path: Path) -> dict[str, bytes]:
    """Every file but journals and records, which name the input."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    ours = (".crispim", "crispim-")
    return {str(p.relative_to(path)): p.read_bytes() for p in files if not p.name.startswith(ours)}
