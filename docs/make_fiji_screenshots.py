"""Photograph the dialogs of the macros in ImageJ 1.53q: docs/images/fiji-*.png.

    python docs/make_fiji_screenshots.py

Needs Debian's packages xvfb, openbox, xdotool and imagemagick beside crispim-ij: ImageJ runs on a
screen that nobody sees. fiji-script.png alone is of a real Fiji, photographed by hand.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import tifffile

from crispim_ij.imagej.jars import IMAGEJ, ensure_jars
from crispim_ij.imagej.java import find_java
from crispim_ij.phantom import PhantomSettings, simulate_planes

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs/images"
SCREEN = ":83"
PATIENCE_S = 60
LARGEST = 60_000
OPEN = 'open("{folder}/noisy brain.tif"); setLocation(20, 130); '
RUN = 'answer = runMacro(getDirectory("plugins") + "CRISPIM/CRISPIM_{name}.ijm"{argument});'
TOOLSET = (
    'run("Install...", "install=[" + getDirectory("plugins") + "CRISPIM/CRISPIM_Toolset.ijm]");'
)


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        make_fiji(folder)
        make_planes(folder)
        stack.enter_context(
            running(find("Xvfb"), SCREEN, "-screen", "0", "1000x620x24", "-dpi", "96")
        )
        time.sleep(1)
        stack.enter_context(running(find("openbox")))
        photograph_window(folder, "ImageJ", TOOLSET, IMAGES / "fiji-toolset.png")
        for name in ("Preprocess", "Denoise", "Denoise_CLI", "Compare"):
            macro = OPEN.format(folder=folder)
            if name == "Compare":
                macro += 'rename("clean brain.tif"); run("Duplicate...", "title=[denoised.tif]");'
            macro += RUN.format(name=name, argument="")
            title = f"CRISPIM {name.replace('_', ' ')}"
            picture = f"fiji-{name.lower().replace('_', '-')}.png"
            photograph_window(folder, title, macro, IMAGES / picture)
        photograph_result(folder, IMAGES / "fiji-result.png")


def make_fiji(folder: Path) -> None:
    """Lay out the part of a Fiji that the macros look at."""
    shutil.copytree(ROOT / "macros", folder / "plugins/CRISPIM")
    models = folder / "models/CRISPIM"
    models.mkdir(parents=True)
    (models / "crispim-2d.zip").touch()


def make_planes(folder: Path) -> None:
    """Write a plane of a simulated brain, clean and noisy."""
    clean = next(simulate_planes(PhantomSettings(shape=(1, 400, 500), stripes=0)))[110:290, 140:360]
    noise = np.random.default_rng(0).normal(0, 35, clean.shape)
    noisy = (clean + noise).round().clip(0, 65535).astype(np.uint16)
    for name, plane in (("clean", clean), ("noisy", noisy)):
        tifffile.imwrite(
            folder / f"{name} brain.tif",
            plane,
            imagej=True,
            resolution=(1 / 1.8, 1 / 1.8),
            metadata={"unit": "um", "min": 50.0, "max": 500.0},
        )


def photograph_window(folder: Path, title: str, macro: str, picture: Path) -> None:
    """Run a macro in a new ImageJ and photograph the window that it opens."""
    with imagej(folder, macro):
        window = wait_for(title)
        time.sleep(2)
        take(picture, "-frame", "-window", window)


def photograph_result(folder: Path, picture: Path) -> None:
    """Photograph a noisy plane, what the command made of it, and the comparison of both."""
    command = shutil.which("crispim-ij", path=str(Path(sys.executable).parent))
    compare = '"clean=clean brain.tif\\nresult={}"'
    macro = [
        OPEN.format(folder=folder),
        RUN.format(name="Denoise_CLI", argument=f', "command={command}"'),
        "setLocation(265, 130);",
        f'open("{folder}/clean brain.tif"); setLocation(510, 130);',
        RUN.format(name="Compare", argument=", " + compare.format("noisy brain.tif")),
        RUN.format(name="Compare", argument=", " + compare.format("noisy brain-denoised")),
        'Table.setLocationAndSize(20, 365, 720, 130, "Results");',
        f'File.saveString("", "{folder}/done");',
    ]
    with imagej(folder, " ".join(macro)):
        limit = time.monotonic() + PATIENCE_S
        while not (folder / "done").exists() and time.monotonic() < limit:
            time.sleep(0.2)
        time.sleep(2)
        take(picture, "-window", "root", "-crop", "730x370+15+128")


@contextmanager
def imagej(folder: Path, macro: str) -> Iterator[None]:
    """Run a macro in ImageJ 1.53q's window until the statement ends."""
    (folder / "run.ijm").write_text(macro)
    jar = next(str(cached.path) for cached in ensure_jars() if cached.jar == IMAGEJ)
    options = (f"-Dplugins.dir={folder}", f"-Duser.home={folder}", "-cp", jar)
    java = str(find_java().home / "bin/java")
    with running(java, *options, "ij.ImageJ", "-macro", str(folder / "run.ijm")):
        yield


@contextmanager
def running(*command: str) -> Iterator[None]:
    """Run a program on the screen until the statement ends."""
    process = subprocess.Popen(  # noqa: S603 - constant commands
        command, env={**os.environ, "DISPLAY": SCREEN}, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def wait_for(title: str) -> str:
    """Return the number of the window with this title once it is there."""
    limit = time.monotonic() + PATIENCE_S
    while time.monotonic() < limit:
        found = answer(find("xdotool"), "search", "--onlyvisible", "--name", f"^{title}$")
        if found:
            return found.split()[0]
        time.sleep(0.2)
    raise SystemExit(f"No window {title!r} came up.")


def take(picture: Path, *what: str) -> None:
    """Photograph a part of the screen in few colours, which keeps the file small."""
    answer(
        *(
            find("import"),
            *what,
            "+repage",
            "-strip",
            "+dither",
            "-colors",
            "32",
            f"PNG8:{picture}",
        ),
        check=True,
    )
    if picture.stat().st_size > LARGEST:
        raise SystemExit(f"{picture} is larger than {LARGEST} bytes.")
    print(picture, picture.stat().st_size)


def answer(*command: str, check: bool = False) -> str:
    """Run a program and return what it says."""
    done = subprocess.run(  # noqa: S603 - constant commands
        command,
        env={**os.environ, "DISPLAY": SCREEN},
        capture_output=True,
        text=True,
        check=check,
    )
    return done.stdout


def find(program: str) -> str:
    """Return a program's path."""
    path = shutil.which(program)
    if path is None:
        raise SystemExit(f"{program} is missing: apt-get install xvfb openbox xdotool imagemagick.")
    return path


if __name__ == "__main__":
    main()
