"""What Ctrl-C does."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from crispim_ij.cli.console import errors
from crispim_ij.errors import RunInterruptedError

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_STATUS = 128 + signal.SIGINT
_SECONDS_BETWEEN_TRIES = 0.01


@contextmanager
def second_interrupt_ends_at_once() -> Iterator[None]:
    """Let a first Ctrl-C stop a command in order, and a second one end the process.

    Python would wait for threads that read from a drive which doesn't answer. What is
    left is what a kill leaves: hidden files, from which a run can be resumed. Where Python
    drops the first one, as it does within a finalizer, it comes again.
    """

    def stop(*_: object) -> NoReturn:
        signal.signal(signal.SIGINT, end)
        raise KeyboardInterrupt

    def end(*_: object) -> NoReturn:
        errors.show_cursor()
        os._exit(_STATUS)

    def dropped(fault: UnraisableHookArgs) -> None:
        if issubclass(fault.exc_type, KeyboardInterrupt):
            signal.signal(signal.SIGINT, stop)
            threading.Timer(_SECONDS_BETWEEN_TRIES, _interrupt).start()
        else:
            hook(fault)

    # A shell lets commands in the background ignore it.
    before, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, stop)
        sys.unraisablehook = dropped
    try:
        yield
    finally:
        sys.unraisablehook = hook
        if signal.getsignal(signal.SIGINT) is stop:
            signal.signal(signal.SIGINT, before)


def _interrupt() -> None:
    """Interrupt the main thread, whatever it waits for."""
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)
    else:
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)


@contextmanager
def stop_after_step() -> Iterator[threading.Event]:
    """Let the first Ctrl-C ask for an end after the step, and a second one end at once."""
    stopped = threading.Event()

    def ask(*_: object) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def ending_after_step(
    what: str, folder: Path, remedy: str = "the same command with --resume"
) -> Iterator[Callable[[], None]]:
    """Give what a training calls after each step, and say how one that Ctrl-C ended is resumed."""
    with stop_after_step() as stopped:

        def check() -> None:
            if stopped.is_set():
                raise KeyboardInterrupt

        try:
            yield check
        except KeyboardInterrupt:
            raise RunInterruptedError(
                f"{what} was interrupted; {remedy} continues from the last checkpoint in {folder}."
            ) from None
