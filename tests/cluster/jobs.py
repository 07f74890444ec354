"""Jobs that workers do in these tests."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from crispim_ij.errors import CrispimError


@dataclass(frozen=True)
class Squares:
    """Squares numbers; of 3 it dies, or fails, where that is asked for."""

    pause: float = 0.0
    deadly: bool = False
    fails_until: Path | None = None
    refuses: str = ""
    fault: str = ""

    def prepare(self) -> None:
        if self.refuses:
            raise CrispimError(self.refuses)

    def words(self, task: int) -> str:
        return str(task)

    def do(self, task: int) -> int:
        time.sleep(self.pause)
        if task == 3 and self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if task == 3 and self.fault:
            raise CrispimError(self.fault)
        if task == 3 and self.fails_until is not None:
            count = len(list(self.fails_until.iterdir()))
            (self.fails_until / str(count)).touch()
            if count < 2:
                raise OSError("the drive hiccups")
        return task**2
