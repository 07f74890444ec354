from __future__ import annotations

import getpass
import json
import os
import socket
from pathlib import Path

from crispim_ij.report import environment


def test_versions_and_hardware_are_there_but_no_names() -> None:
    made = environment()
    for name in ("crispim-ij", "Python", "tensorflow", "keras", "numpy", "scikit-image", "opencv"):
        assert made[name][0].isdigit()
    assert made["logical cores"] == os.cpu_count()
    assert made["memory"].endswith(" GiB")
    assert made["processor"]
    text = json.dumps(made)
    assert socket.gethostname() not in text or len(socket.gethostname()) < 4
    assert str(Path.home()) not in text
    assert f'"{getpass.getuser()}"' not in text
