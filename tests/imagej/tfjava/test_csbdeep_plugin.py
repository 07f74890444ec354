"""`CsbdeepPlugin` with SciJava's own services, TensorFlow 1.15 for Java and a stand-in command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from crispim_ij.denoising import Denoiser, DenoiseSettings
from crispim_ij.imagej.jars import ensure_jars
from tests.imagej.tfjava.conftest import Exports
from tests.imagej.tfjava.harness import COMPILER, GENERIC_NETWORK, SCIJAVA, LikeCsbdeep, _java

PLUGIN = Path(__file__).parent / "plugin/StandIn.java"


@pytest.fixture(scope="session")
def class_path(like_csbdeep: LikeCsbdeep, tmp_path_factory: pytest.TempPathFactory) -> str:
    """All that the stand-in needs, itself included."""
    folder = tmp_path_factory.mktemp("plugin")
    scijava = [str(cached.path) for cached in ensure_jars(SCIJAVA)]
    found = os.pathsep.join([like_csbdeep.class_path, *scijava, str(folder)])
    compiler = str(ensure_jars([COMPILER])[0].path)
    options = ["-11", "-classpath", found, "-d", str(folder)]
    _java("-jar", compiler, *options, str(GENERIC_NETWORK), str(PLUGIN))
    assert (folder / "META-INF/json/org.scijava.plugin.Plugin").is_file()
    return found


def run(class_path: str, *arguments: object, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the plugin in a process of its own, whose stored preferences are below `home`."""
    return subprocess.run(
        [sys.executable, "-m", f"{__package__}.plugin.run", class_path, *map(str, arguments)],
        env={**os.environ, "JAVA_TOOL_OPTIONS": f"-Djava.util.prefs.userRoot={home}"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps preferences in its registry")
def test_equals_python_everywhere(class_path: str, exported: Exports, tmp_path: Path) -> None:
    model = exported.model("residual-2d")
    planes = np.random.default_rng(3).gamma(4, 60, (2, 61, 93)).astype(np.uint16)
    np.save(tmp_path / "given.npy", planes)
    # What an earlier run left, which must count for nothing and be there afterwards.
    before = {"GenericNetwork_modelfile": "/an older/é.zip", "nTiles": "3"}
    arguments = (exported.zip(model), 96, tmp_path / "given.npy", tmp_path / "result.npy")
    answer = run(class_path, *arguments, json.dumps(before), home=tmp_path)
    assert answer.returncode == 0, answer.stderr
    denoise = Denoiser(model, DenoiseSettings())
    expected = np.stack([denoise(plane) for plane in planes])
    difference = np.abs(np.load(tmp_path / "result.npy") - expected).max()
    assert np.ptp(expected) > 5
    assert difference <= 1e-2
    assert json.loads(answer.stdout.splitlines()[-1]) == {
        "overlap": None,
        "normalizeInput": None,
        **before,
    }


@pytest.mark.long
def test_a_broken_model_is_one_sentence(class_path: str, exported: Exports, tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    whole = zipfile.ZipFile(exported.zip(exported.model("residual-2d")))
    with whole, zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("meta.json", whole.read("meta.json"))
        archive.writestr("saved_model.pb", whole.read("saved_model.pb")[:5000])
    np.save(tmp_path / "given.npy", np.zeros((1, 20, 20), np.uint16))
    arguments = (broken, 64, tmp_path / "given.npy", tmp_path / "result.npy", "{}")
    answer = run(class_path, *arguments, home=tmp_path)
    assert answer.returncode == 1
    last = answer.stderr.splitlines()[-1]
    assert f"gave no result for the model '{broken}', and printed " in last
    assert "Exception" in last
    assert not (tmp_path / "result.npy").exists()
