from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from crispim_ij.exporting import savedmodel
from crispim_ij.models import Model


def test_the_signature_takes_any_size(flat_model: Model, tmp_path: Path) -> None:
    savedmodel.write(flat_model, tmp_path / "model")
    signature = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"]
    ((given, spec),) = signature.structured_input_signature[1].items()
    assert (given, list(spec.shape)) == ("input", [None, None, None, 1])
    batch = np.random.default_rng(0).uniform(0, 2000, (2, 12, 40, 1)).astype(np.float32)
    expected = np.asarray(flat_model.network()(batch))
    result = signature(input=tf.constant(batch))["output"].numpy()
    np.testing.assert_allclose(result, expected, atol=1e-2)


def test_a_text_says_where_values_go_in(stabilised_2d: Model, tmp_path: Path) -> None:
    savedmodel.write(stabilised_2d, tmp_path / "model")
    said = (tmp_path / "model/README.md").read_text(encoding="utf-8")
    assert said.startswith("stabilised-2d: values whose noise has a standard deviation of 1 in")
    assert {path.name for path in (tmp_path / "model").iterdir()} <= savedmodel.ENTRIES
