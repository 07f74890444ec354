"""What Ctrl-C does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from crispim_ij.cli.console import errors

_STATUS = 128 + signal.SIGINT


@contextmanager
def second_interrupt_ends_at_once() -> Iterator[None]:
    """Let a first Ctrl-C stop a command in order, and a second one end the process.

    Python would wait for threads that read from a drive which doesn't answer. What is
    left is what a kill leaves: hidden files, from which a run can go on.
    """

    def stop(*_: object) -> NoReturn:
        signal.signal(signal.SIGINT, end)
        raise KeyboardInterrupt

    def end(*_: object) -> NoReturn:
        errors.show_cursor()
        os._exit(_STATUS)

    # A shell lets commands in the background ignore it.
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is stop:
            signal.signal(signal.SIGINT, before)
