"""TensorFlow without its lines."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile


def start_tensorflow() -> None:
    """Import TensorFlow without the lines that it prints before its log level applies."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile("w+") as said:
        os.dup2(said.fileno(), 2)
        try:
            import tensorflow as tf  # noqa: F401
        except ImportError:
            said.seek(0)
            shutil.copyfileobj(said, sys.stderr)
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
