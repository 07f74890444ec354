"""TensorFlow without its lines, and without what it need not import."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_NOT_NEEDED = ("matplotlib.pyplot", "pandas")
"""What Keras imports where it is installed: a quarter of the time that TensorFlow takes."""


def start_tensorflow(*, bare: bool = False) -> None:
    """Import TensorFlow, if it isn't yet, without the lines that its log level doesn't stop.

    It prints these while it is imported, and while it looks for GPUs. Bare, it starts faster, and
    Keras neither draws nor learns from data frames, which only users of their own Keras want.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    hidden = _NOT_NEEDED if bare else ()
    with _without_standard_error(), _without_collections(), _hidden(*hidden):
        import tensorflow as tf

        tf.config.list_physical_devices()
    tf.get_logger().setLevel("ERROR")  # its warnings are of how this package calls it


@contextmanager
def _without_collections() -> Iterator[None]:
    """Look for no garbage among the objects of an import, which all stay: a seventh of its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _without_standard_error() -> Iterator[None]:
    """Keep what libraries print, unless an import fails; there need be no console."""
    try:
        console = os.dup(2)
    except OSError:
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    with tempfile.TemporaryFile("w+") as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        except ImportError:
            said.seek(0)
            shutil.copyfileobj(said, sys.stderr)
            raise
        finally:
            os.dup2(console, 2)
            os.close(console)


@contextmanager
def _hidden(*names: str) -> Iterator[None]:
    """Let optional packages that are not loaded yet look as if they weren't installed."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: there is none
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
