"""The command line in processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

COMMAND = "from crispim_ij.cli.main import run; run()"
# So that faults fall between planes and into them; the result does not depend on it.
SLOWLY = """
import sys, time
from crispim_ij.planes import journal, page_writer
journal.SECONDS_BETWEEN_SYNCS = 0.02
write = page_writer.PageWriter.write
def slowly(self, plane):
    time.sleep(0.02)
    write(self, plane)
page_writer.PageWriter.write = slowly
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


def command(*said: object, before: str = "") -> list[str]:
    """Return the words that run `crispim-ij`, and other code before it."""
    return [sys.executable, "-c", before + COMMAND, *map(str, said)]


def begun(*said: object, before: str = "", **how: object) -> subprocess.Popen[str]:
    """Begin a run."""
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        command(*said, before=before),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **how,
    )


def ended(run: subprocess.Popen[str], seconds: float = 120) -> Ended:
    """Wait for a run's end."""
    out, err = run.communicate(timeout=seconds)
    return Ended(run.returncode, out, err)


def crispim(*said: object, before: str = "", **how: object) -> Ended:
    """Run `crispim-ij` from beginning to end."""
    return ended(begun(*said, before=before, **how))


def journal_of(output: Path) -> Path:
    """Return where a run into this output notes what is finished."""
    if output.suffix:
        return output.with_name(f".crispim-{output.name}.journal")
    return output / ".crispim-journal"


def wait_for_planes(run: subprocess.Popen[str], output: Path, planes: int = 1) -> None:
    """Wait until a run has finished so many planes."""
    journal = journal_of(output)
    while journal_count(journal) < planes:
        assert run.poll() is None, ended(run).err
        time.sleep(0.005)


def journal_count(journal: Path) -> int:
    """Return how many lines of finished planes a journal has."""
    return journal.read_bytes().count(b'"done"') if journal.exists() else 0


def content(path: Path) -> dict[str, bytes]:
    """Every file that a user sees."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return {str(p.relative_to(path)): p.read_bytes() for p in files if p.name[:8] != ".crispim"}


def environment(**variables: str) -> dict[str, str]:
    """Return this process's variables and others."""
    return {**os.environ, **variables}
