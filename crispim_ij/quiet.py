"""TensorFlow without its lines."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


def start_tensorflow() -> None:
    """Import TensorFlow, if it isn't yet, without the lines that its log level doesn't stop.

    It prints these while it is imported, and while it looks for GPUs.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _without_standard_error(), _without_collections():
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
