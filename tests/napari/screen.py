"""A screen that nobody sees, and whether napari can draw on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# What napari's canvas needs. Qt ends the process where it finds no screen.
_DRAW = """
from qtpy.QtGui import QOffscreenSurface, QOpenGLContext
from qtpy.QtWidgets import QApplication
application = QApplication([])
surface, context = QOffscreenSurface(), QOpenGLContext()
surface.create()
assert context.create() and context.makeCurrent(surface), "no OpenGL"
assert context.format().version() >= (2, 1), context.format().version()
"""


@contextmanager
def screen() -> Iterator[dict[str, str]]:
    """Yield the environment of programs with a window; on Linux they get a screen of their own."""
    xvfb = shutil.which("Xvfb")
    if sys.platform != "linux" or xvfb is None:
        yield dict(os.environ)
        return
    command = [xvfb, "-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None
            number = server.stdout.readline().strip()
            yield {**os.environ, "DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"}
        finally:
            server.terminate()


def what_is_missing(environment: dict[str, str]) -> str:
    """Return why napari can't draw, or nothing."""
    done = subprocess.run(
        [sys.executable, "-c", _DRAW], env=environment, capture_output=True, text=True, check=False
    )
    return done.stderr.strip() or f"status {done.returncode}" if done.returncode else ""
