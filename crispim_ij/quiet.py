"""TensorFlow without its lines."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile


def start_tensorflow() -> None:
    """Import TensorFlow, if it isn't yet, without the lines that its log level doesn't stop.

    It prints these while it is imported, and while it looks for GPUs.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile("w+") as said:
        os.dup2(said.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
        except ImportError:
            said.seek(0)
            shutil.copyfileobj(said, sys.stderr)
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
