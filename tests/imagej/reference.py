"""ImageJ 1.53q in a process of its own, driven by macros alone: what the pixels must equal."""

from __future__ import annotations

import atexit
import functools
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from crispim_ij.imagej.jars import PATCHER, ensure_jars
from crispim_ij.imagej.java import find_java

# Runs the macro in case.ijm whenever the file 'go' appears, until 'stop' does.
SERVER = """
dir = getArgument();
while (!File.exists(dir + "stop")) {
    if (File.exists(dir + "go")) {
        ok = File.delete(dir + "go");
        runMacro(dir + "case.ijm");
        File.saveString("done", dir + "done.part");
        ok = File.rename(dir + "done.part", dir + "done");
    }
    wait(2);
}
"""


@dataclass(frozen=True)
class Size:
    width: int
    height: int
    interpolation: str = "Bilinear"
    average: bool = True
    constrain: bool = False


@dataclass(frozen=True)
class Noise:
    sd: float
    seed: int


class Reference:
    """A separate `java ij.ImageJ -batch`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "server.ijm").write_text(SERVER)
        jars = {cached.jar: str(cached.path) for cached in ensure_jars()}
        home = find_java().home
        separator = ";" if (home / "bin" / "java.exe").exists() else ":"
        self.process = subprocess.Popen(
            [
                str(home / "bin" / "java"),
                "-XX:TieredStopAtLevel=1",  # starts sooner
                "-Djava.awt.headless=true",
                "--add-opens=java.base/java.lang=ALL-UNNAMED",
                f"-javaagent:{jars[PATCHER]}=init",
                "-cp",
                separator.join(jars.values()),
                "ij.ImageJ",
                "-batch",
                str(folder / "server.ijm"),
                f"{folder}/",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self, macro: str) -> None:
        done = self.folder / "done"
        (self.folder / "case.ijm").write_text(macro)
        (self.folder / "go").touch()
        limit = time.monotonic() + 120
        while not done.exists():
            assert self.process.poll() is None, "the reference ImageJ died"
            assert time.monotonic() < limit, "the reference ImageJ does not answer"
            time.sleep(0.002)
        done.unlink()

    def process_stack(
        self,
        stack: NDArray[Any],
        size: Size | None,
        noise: Noise | Sequence[Noise] | None,
    ) -> NDArray[Any]:
        """Resize a (Z, Y, X) stack or a (Y, X) plane and add noise.

        One `Noise` runs as one stream through all slices; a sequence has one for each.
        """
        lines = []
        if size is not None:
            options = f"width={size.width} height={size.height}"
            options += f" depth={len(stack)}" if stack.ndim == 3 else ""
            options += " constrain" if size.constrain else ""
            options += " average" if size.average else ""
            lines.append(f'run("Size...", "{options} interpolation={size.interpolation}");')
        if isinstance(noise, Noise):
            lines += _noise_lines(noise, "stack")
        else:
            for index, each in enumerate(noise or ()):
                lines += [f"setSlice({index + 1});", *_noise_lines(each, "slice")]
        return self.apply(stack, *lines)

    def apply(self, stack: NDArray[Any], *lines: str) -> NDArray[Any]:
        """Open a (Z, Y, X) stack or a (Y, X) plane, run the macro lines, read what is saved."""
        source, result = self.folder / "in.tif", self.folder / "out.tif"
        result.unlink(missing_ok=True)
        tifffile.imwrite(
            source,
            stack,
            photometric="minisblack",
            imagej=True,
            metadata={"axes": "ZYX"[-stack.ndim :]},
        )
        self.run(
            "\n".join(
                [
                    f'open("{source.as_posix()}");',
                    *lines,
                    f'saveAs("tiff", "{result.as_posix()}");',
                    "close();",
                ]
            )
        )
        return np.asarray(tifffile.imread(result)).reshape((*stack.shape[:-2], *_planes(result)))

    def stop(self) -> None:
        (self.folder / "stop").touch()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def _noise_lines(noise: Noise, which: str) -> list[str]:
    return [
        f'random("seed", {noise.seed});',
        f'run("Add Specified Noise...", "standard={noise.sd!r} {which}");',
    ]


def _planes(path: Path) -> tuple[int, int]:
    with tifffile.TiffFile(path) as tif:
        page = tif.pages.first
        return page.imagelength, page.imagewidth


@functools.cache
def start_reference() -> Reference:
    """Start the reference ImageJ once a test run; stopped at its end."""
    reference = Reference(Path(tempfile.mkdtemp(prefix="reference-imagej-")))
    atexit.register(reference.stop)
    return reference
