"""Photograph the plugin in napari: docs/images/napari-*.png.

    xvfb-run -s "-screen 0 1280x800x24" python docs/make_napari_pictures.py

Needs napari with a Qt binding and, where there is no screen, Debian's package xvfb.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import napari
from PIL import Image
from qtpy.QtWidgets import QApplication

from crispim_ij.napari.widget import PREVIEW, DenoiseWidget

IMAGES = Path(__file__).parent / "images"
SIZE = (1060, 640)
COLOURS = 96
LARGEST = 250_000
PATIENCE_S = 300


def main() -> None:
    """Preview half a plane of the phantom, denoise all planes, and adapt a 3D model to them."""
    viewer = napari.Viewer()
    viewer.window._qt_window.resize(*SIZE)
    viewer.open_sample("crispim-ij", "phantom")
    _, widget = viewer.window.add_plugin_dock_widget("crispim-ij", "Denoise")
    viewer.reset_view()
    viewer.dims.set_current_step(0, 8)
    preview, denoise, adapt, cancel = widget[1]
    preview.native.click()
    wait(lambda: not cancel.enabled)
    # One half of the plane stays as it was, to compare.
    shown = viewer.layers[PREVIEW]
    middle = shown.data.shape[-1] // 2
    shown.translate = shown.data_to_world((0, 0, middle))
    shown.data = shown.data[..., middle:]
    photograph(viewer, IMAGES / "napari-preview.png")
    viewer.layers.remove(shown)
    viewer.layers.selection.active = viewer.layers[0]
    denoise.native.click()
    wait(lambda: at_work(widget))
    photograph(viewer, IMAGES / "napari-denoise.png")
    cancel.native.click()
    wait(lambda: not cancel.enabled)
    widget[0]._model.value = "crispim-3d"
    widget[0]._minutes.value = 2
    adapt.native.click()
    wait(lambda: at_work(widget))
    photograph(viewer, IMAGES / "napari-adapt.png")
    cancel.native.click()
    wait(lambda: not cancel.enabled)
    viewer.close()


def at_work(widget: DenoiseWidget) -> bool:
    """Whether a good part of the planes or steps is done."""
    bar = widget[2][0]
    return bool(bar.max and bar.value >= bar.max // 2)


def wait(until: Callable[[], bool]) -> None:
    """Let napari go on until something is so."""
    limit = time.monotonic() + PATIENCE_S
    while not until():
        if time.monotonic() > limit:
            raise SystemExit("napari took too long.")
        QApplication.processEvents()
        time.sleep(0.01)


def photograph(viewer: napari.Viewer, path: Path) -> None:
    """Write the window in few colours, which keeps the file small."""
    QApplication.processEvents()
    picture = Image.fromarray(viewer.window.screenshot(canvas_only=False, flash=False))
    few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    if path.stat().st_size > LARGEST:
        raise SystemExit(f"{path} is larger than {LARGEST} bytes.")
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
