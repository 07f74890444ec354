"""A viewer with the widget in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from magicgui.widgets import PushButton
from napari.utils.notifications import notification_manager

from crispim_ij.napari.widget import DenoiseWidget

PATIENCE_MS = 120_000  # TensorFlow takes seconds to start


class Window:
    """A viewer and its widget, used as a person would."""

    def __init__(self, viewer: Any, qtbot: Any) -> None:
        self.viewer = viewer
        self.widget = DenoiseWidget(viewer)
        viewer.window.add_dock_widget(self.widget)
        self._qtbot = qtbot

    def button(self, text: str) -> PushButton:
        """Find a button."""
        (found,) = (b for b in self.widget[1] if b.text == text)
        return found

    def press(self, text: str) -> None:
        """Press a button, if it can be pressed."""
        self.button(text).native.click()

    def wait(self, until: Callable[[], bool]) -> None:
        """Wait until something is so."""
        self._qtbot.waitUntil(until, timeout=PATIENCE_MS)

    def press_and_wait(self, text: str) -> None:
        """Press a button and wait until the work that it began is done."""
        self.press(text)
        assert self.is_busy
        self.wait(lambda: not self.is_busy)

    @property
    def is_busy(self) -> bool:
        """Whether something is going on that can be cancelled."""
        return bool(self.button("Cancel").enabled)

    @property
    def says(self) -> str:
        """What the widget says."""
        return str(self.widget[2][1].value.split("\n\n")[0])

    @property
    def notes(self) -> str:
        """What the widget says of the noise."""
        return str(self.widget[2][1].value.partition("\n\n")[2])

    @property
    def names(self) -> list[str]:
        """Names of the layers, from below to above."""
        return [layer.name for layer in self.viewer.layers]


@pytest.fixture
def window(make_napari_viewer: Callable[..., Any], qtbot: Any) -> Window:
    """A viewer with the widget."""
    notification_manager.records.clear()
    return Window(make_napari_viewer(), qtbot)


@pytest.fixture
def noisy() -> np.ndarray:
    """A small stack."""
    counts = np.random.default_rng(0).normal(300, 30, (6, 48, 64))
    return counts.round().astype(np.uint16)
