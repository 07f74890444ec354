from __future__ import annotations

import os
import subprocess
import sys

RUN = """
import sys
if {without}:
    sys.modules["numba"] = None
import hashlib
import numpy as np
from crispim_ij.parity import Interpolation, NativeImageJ, compiled
plane = np.random.default_rng(0).integers(0, 3000, (83, 121), np.uint16)
engine = NativeImageJ()
noisy = engine.noise(engine.resize(plane, 40, 30, Interpolation.BILINEAR, True), 300, 5)
print(compiled.kernels() is None, hashlib.sha256(noisy).hexdigest())
"""


def run(*, without: bool = False, **environment: str) -> list[str]:
    script = RUN.format(without=without)
    answer = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout.split()


def test_without_numba_the_pixels_are_the_same() -> None:
    compiled, interpreted = run(), run(without=True)
    assert (compiled[0], interpreted[0]) == ("False", "True")
    assert compiled[1] == interpreted[1]


def test_where_compiled_code_can_t_be_kept() -> None:
    assert run(NUMBA_CACHE_DIR="/proc/no-such-folder") == run()
