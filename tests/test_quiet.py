from __future__ import annotations

import subprocess
import sys

SCRIPT = """
from crispim_ij.networks import build
build("residual-2d")
import tensorflow as tf
tf.get_logger().warning("traced again")
print("built")
"""


def test_nothing_of_tensorflow_is_said_where_a_network_is_built() -> None:
    said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert (said.stdout, said.stderr) == ("built\n", "")
