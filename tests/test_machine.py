from __future__ import annotations

from pathlib import Path

from crispim_ij.machine import BFLOAT16, processor_flags, processor_name


def test_the_first_core_is_told_of(tmp_path: Path) -> None:
    listing = tmp_path / "cpuinfo"
    listing.write_text("model name : A 1\nflags\t: fpu avx512_bf16 sse\n\nmodel name : A 2\n")
    assert processor_name(listing) == "A 1"
    assert processor_flags(listing) == {"fpu", "avx512_bf16", "sse"}
    assert processor_flags(listing) & BFLOAT16


def test_older_and_other_processors(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("flags : fpu avx512f sse")
    assert not processor_flags(tmp_path / "old") & BFLOAT16
    (tmp_path / "arm").write_text("Features : asimd sve")
    assert processor_flags(tmp_path / "arm") == {"asimd", "sve"}
    assert processor_name(tmp_path / "arm") is None
    assert processor_flags(tmp_path / "none") == frozenset()
