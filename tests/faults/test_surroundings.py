"""Clocks, languages, caches and names that differ from what one expects."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.planes import open_source
from tests.faults.conftest import SAID
from tests.faults.process import (
    COMMAND,
    SLOWLY,
    Run,
    begun,
    content,
    crispim,
    fresh,
    wait_for_planes,
)

# Clocks

JUMPING = """
import random, time
real = time.time
time.time = lambda: real() + random.choice([-1e9, 1e9])
"""


@pytest.mark.parametrize("name", ["out", pytest.param("out.tif", marks=pytest.mark.long)])
@pytest.mark.parametrize("year", [1971, pytest.param(2100, marks=pytest.mark.long)])
def test_clocks_that_jump(
    planes: Path, unbroken: Path, tmp_path: Path, name: str, year: int
) -> None:
    """Files of another age, and a clock that is set during the run."""
    source = shutil.copytree(planes, tmp_path / "in")
    for file in source.iterdir():
        os.utime(file, ((year - 1970) * 31_556_952,) * 2)
    output = tmp_path / name
    run = begun("preprocess", source, output, *SAID, before=JUMPING + SLOWLY)
    wait_for_planes(run, output)
    run.signal(signal.SIGKILL)
    run.ended()
    for file in [*tmp_path.rglob(".crispim*"), *output.glob("*.tif")]:
        os.utime(file, (0, 0))
    end = crispim("preprocess", source, output, *SAID, "--resume", before=JUMPING)
    end.well()
    assert content(output) == content(unbroken / name)


# Languages

LOCALES = {"tr_TR": "ISO-8859-9", "de_DE": "UTF-8", "C": None, "en_US": "UTF-8"}
SPEAK = "import locale; print(locale.setlocale(locale.LC_ALL, ''))\n"


@pytest.mark.parametrize(
    "language",
    ["tr_TR", *(pytest.param(one, marks=pytest.mark.long) for one in ("C", "de_DE", "en_US"))],
)
def test_languages(planes: Path, unbroken: Path, tmp_path: Path, language: str) -> None:
    """Turkish i's, commas for points, and no letters but ASCII's."""
    charset = LOCALES[language]
    if charset:
        try:
            made = ["localedef", "-i", language, "-f", charset, str(tmp_path / language)]
            subprocess.run(made, check=True, capture_output=True)
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            pytest.skip(f"can't make the language {language}: {error}")
    how = {"LC_ALL": language, "LANG": language, "LOCPATH": str(tmp_path)}
    how |= {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    output = tmp_path / "ış-é-雪"
    # An interpreter decides at its beginning how it reads and writes letters.
    end = Run(fresh(SPEAK + COMMAND), "preprocess", planes, output, *SAID, **how).ended()
    end.well()
    assert end.out.splitlines()[0] == language
    assert content(output) == content(unbroken / "out")
    record = json.loads((output / "crispim-preprocess.json").read_text("utf-8"))
    expected = json.loads((unbroken / "out/crispim-preprocess.json").read_text("utf-8"))
    assert record == expected
    end = Run(fresh(SPEAK + COMMAND), "preprocess", output, output, *SAID, **how).ended()
    end.refused("lies in it")


# Caches

COMPILE = """
import numpy as np
from crispim_ij.parity import Interpolation, NativeImageJ
plane = np.arange(4096, dtype=np.uint16).reshape(64, 64)
engine = NativeImageJ()
small = engine.resize(plane, 16, 16, Interpolation.BILINEAR, True)
print(engine.noise(small, 30, 1).sum())
"""


@pytest.mark.slow
def test_ten_at_once_on_one_cache(tmp_path: Path) -> None:
    """All find the cache of compiled code empty and fill it."""
    runs = [Run(fresh(COMPILE), NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(10)]
    ends = [run.ended(600) for run in runs]
    for end in ends:
        end.well()
    assert len({end.out for end in ends}) == 1
    assert list(tmp_path.rglob("*.nbi"))
    again = Run(fresh(COMPILE), NUMBA_CACHE_DIR=str(tmp_path)).ended(600)
    assert again.out == ends[0].out


def test_ten_at_once_into_one_output(planes: Path, unbroken: Path, tmp_path: Path) -> None:
    """One does it; nine are told so."""
    output = tmp_path / "out"
    runs = [begun("preprocess", planes, output, *SAID, before=SLOWLY) for _ in range(10)]
    ends = [run.ended() for run in runs]
    assert sum(end.status == 0 for end in ends) >= 1
    for end in ends:
        if end.status:
            late = "exists already" in end.err
            end.refused("exists already" if late else "another run is writing")
    assert content(output) == content(unbroken / "out")


@pytest.mark.long
def test_ten_at_once_from_one_input(planes: Path, unbroken: Path, tmp_path: Path) -> None:
    runs = [begun("preprocess", planes, tmp_path / f"{k}", *SAID) for k in range(10)]
    for k, run in enumerate(runs):
        run.ended().well()
        assert content(tmp_path / f"{k}") == content(unbroken / "out")


# Names


def odd_names(count: int) -> list[str]:
    """Names in their natural order, each with its number."""
    chance = random.Random(0)  # noqa: S311
    pieces = ["é", "雪", "😀", " ", "\n", "-", "--", "[1]", "{x}", "%d", "$(x)", "'", '"', "*"]
    pieces += ["x" * 120, "ß", "\u202e", "\t", ";", "\\", "~", "&"]
    return [f"-[{k}] {''.join(chance.choices(pieces, k=1))}.TIF" for k in range(count)]


@pytest.mark.parametrize("count", [500, pytest.param(5000, marks=pytest.mark.slow)])
def test_thousands_of_odd_names(tmp_path: Path, count: int) -> None:
    source, output = tmp_path / "-in [1]\n", tmp_path / "--out {2}"
    source.mkdir()
    names = odd_names(count)
    tifffile.imwrite(tmp_path / "one.tif", np.full((8, 8), 0xABCD, np.uint16))
    one = (tmp_path / "one.tif").read_bytes()
    mark = (0xABCD).to_bytes(2, sys.byteorder)
    for k, name in enumerate(names):
        (source / name).write_bytes(one.replace(mark, k.to_bytes(2, sys.byteorder)))
    still = "--factor", "1", "--noise-sd", "0"
    end = crispim("preprocess", *still, "--", source, output)
    end.well()
    assert {path.name for path in output.glob("*.TIF")} == set(names)
    for k in range(0, count, 50):
        assert tifffile.imread(output / names[k]).max() == k
    # In natural order: 2 before 10.
    with open_source(output) as planes:
        assert list(planes.names) == names


def test_a_wrong_file_with_an_odd_name_is_named(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "[bold]ünï 1.tif").write_text("no image")
    crispim("preprocess", source, tmp_path / "out").refused("[bold]ünï 1.tif")
