"""Which tests run where."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the tests that need a screen to test_window.py, which runs them beside it."""
    is_window = collection_path.name == "window"
    return True if is_window and not config.pluginmanager.hasplugin("pytest-qt") else None
