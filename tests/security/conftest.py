from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Let this process grow by half a gigabyte, so that a test that fails harms no other."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + 2**29, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)
