from __future__ import annotations

from pathlib import Path

import numpy as np

from crispim_ij.planes.arrays import ArraySource
from crispim_ij.previewing.speed import forecast, has_bfloat16


def test_the_processors_words(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("flags : fpu avx512_bf16 sse")
    (tmp_path / "old").write_text("flags : fpu avx512f sse")
    assert has_bfloat16(tmp_path / "new")
    assert not has_bfloat16(tmp_path / "old")
    assert not has_bfloat16(tmp_path / "none")


def test_a_run_is_foretold() -> None:
    source = ArraySource(np.broadcast_to(np.uint16(1), (50, 1000, 2000)))
    found = forecast(source, 1.5)
    assert (found.seconds, found.size) == (150, 200_000_000)
    assert found.free > 0
