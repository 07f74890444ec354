"""Peak memory of this process."""

from __future__ import annotations

import re
from pathlib import Path


def peak_memory() -> float:
    """Return the most memory that this process ever held, in MB; on Linux.

    `resource.getrusage` would not do: a process inherits the peak of the one that started it.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kilobytes,) = re.findall(r"VmHWM:\s*(\d+) kB", status)
    return int(kilobytes) / 1024
