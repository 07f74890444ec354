from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import crispim_ij
import numpy as np
crispim_ij.denoise(np.random.default_rng(0).normal(300, 30, (32, 40)))
import tensorflow as tf
tf.get_logger().warning("traced again")
print("done")
"""


def test_nothing_of_tensorflow_is_said_where_an_array_is_denoised() -> None:
    said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert (said.stdout, said.stderr) == ("done\n", "")
