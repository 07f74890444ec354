from __future__ import annotations

import gc
import subprocess
import sys
from importlib import import_module

import pytest

from crispim_ij.quiet import _hidden, _without_collections

SCRIPT = """
import crispim_ij
import numpy as np
crispim_ij.denoise(np.random.default_rng(0).normal(300, 30, (32, 40)))
import tensorflow as tf
tf.get_logger().warning("traced again")
print("done")
"""


@pytest.mark.long
def test_nothing_of_tensorflow_is_said_where_an_array_is_denoised() -> None:
    said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert (said.stdout, said.stderr) == ("done\n", "")


@pytest.mark.parametrize("is_enabled", [True, False])
def test_garbage_is_collected_after_an_import_as_before(is_enabled: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if is_enabled else gc.disable)()
        with _without_collections():
            assert not gc.isenabled()
        assert gc.isenabled() is is_enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_what_is_hidden_is_there_again_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with _hidden("colorsys"), pytest.raises(ModuleNotFoundError):
        import_module("colorsys")
    assert import_module("colorsys").rgb_to_hsv(0, 0, 1) == (2 / 3, 1, 1)


def test_what_is_loaded_already_is_not_hidden() -> None:
    import json

    with _hidden("json"):
        assert import_module("json") is json
    assert sys.modules["json"] is json
