"""What a report was made with."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import version
from typing import Any

import crispim_ij
from crispim_ij.machine import processor_name

_PACKAGES = {
    "tensorflow": "tensorflow",
    "keras": "keras",
    "numpy": "numpy",
    "scikit-image": "scikit-image",
    "opencv": "opencv-python-headless",
}


def environment() -> dict[str, Any]:
    """Describe versions and hardware, but not whose they are, JSON-ready.

    The graphics processors are told where TensorFlow has been started.
    """
    import psutil

    return {
        "crispim-ij": crispim_ij.__version__,
        "Python": platform.python_version(),
        **{name: version(package) for name, package in _PACKAGES.items()},
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "logical cores": psutil.cpu_count(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        **_graphics(),
    }


def _processor() -> str:
    """Return the processor's model, which Python itself knows on Windows only."""
    name = processor_name()
    if name is not None:
        return name
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if answer.stdout.strip():
            return answer.stdout.strip()
    return platform.processor() or platform.machine()


def _graphics() -> dict[str, str]:
    """Name the graphics processors that TensorFlow sees, if it was needed at all."""
    if "tensorflow" not in sys.modules:
        return {}
    import tensorflow as tf

    found = [
        tf.config.experimental.get_device_details(device).get("device_name", device.name)
        for device in tf.config.list_physical_devices("GPU")
    ]
    return {"graphics processors": ", ".join(found) or "none"}
