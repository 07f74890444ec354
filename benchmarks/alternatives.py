"""What a user could run instead of `crispim-ij denoise`, on the same planes, in one run.

    pip install csbdeep openvino careamics "crispim-ij[export]"
    python benchmarks/alternatives.py [--planes 32] [--side 512] [--threads 2]

One and the same network, the shipped crispim-2d, takes float32 planes from a folder of 16-bit TIFF
files and its results are written as such:

- `crispim-ij denoise` (folder, stack and OME-Zarr) in float32 and bfloat16;
- the bare compiled function and `model.predict`, plane by plane through Pillow, as in the paper's
  notebooks;
- CSBDeep's tiled `predict`, which N2V's models run, too;
- the exported model in ONNX Runtime and OpenVINO, whole planes;

and beside it scikit-image's total variation and OpenCV's non-local means as the paper calls them,
and CAREamics with its own default network for N2V, since it can't run ours, in tiles of 256 px.
What isn't installed is left out, and said. All ways take turns over parts of the planes, so that a
change of the machine's speed meets them all. Prints planes a second, each way's rate as a multiple
of that of `crispim-ij denoise` from folder to folder, and the largest difference to its counts: of
all pixels, and of those whose surroundings lie within the plane, 80 px on each side.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tifffile
from PIL import Image
from told import NOISE, told_denoiser, told_model

from crispim_ij.denoising import Denoiser, DenoiseSettings, denoise_planes
from crispim_ij.evaluation import find_method
from crispim_ij.phantom import PhantomSettings, simulate_volume
from crispim_ij.planes import create_sink, open_source

MODEL = "crispim-2d"
OURS = "crispim-ij denoise, folder"
PARTS = 4
TILE_OVERLAP = 80
"""Of CSBDeep's tiles, in px: as far as the network sees."""

Plane = np.ndarray
Way = Callable[[Path, Path], None]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--planes", type=int, default=32)
    parser.add_argument("--side", type=int, default=512, help="of the planes, in px")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_planes(folder, options.planes, options.side)
        ways = dict(find_ways(folder, options.threads))
        seconds = take_turns(folder, ways)
        report(folder, seconds, options.planes)


def write_planes(folder: Path, planes: int, side: int) -> None:
    """Write each part of the planes as a folder, as a stack, and as an OME-Zarr."""
    clean = simulate_volume(PhantomSettings((planes, side, side), seed=3))
    noise = np.random.default_rng(0).normal(0, NOISE.read_noise, clean.shape)
    noisy = np.clip(np.rint(clean + noise), 0, 65535).astype(np.uint16)
    for number, part in enumerate(np.array_split(noisy, PARTS)):
        place = folder / f"noisy{number}"
        place.mkdir()
        for index, plane in enumerate(part):
            tifffile.imwrite(place / f"{index:04}.tif", plane)
        for name in (f"{place}.tif", f"{place}.zarr"):
            with open_source(place) as source, create_sink(Path(name), source) as sink:
                for index in range(len(source)):
                    sink.write(index, source.read(index))


def find_ways(folder: Path, threads: int) -> Iterator[tuple[str, Way]]:
    """Yield the ways that are installed, each from a folder of planes to another."""
    exact = told_denoiser(MODEL)
    fast = told_denoiser(MODEL, DenoiseSettings("bfloat16"))
    network = told_model(MODEL).network()
    compiled = tf.function(
        lambda plane: network(plane, training=False),
        input_signature=[tf.TensorSpec((1, None, None, 1), tf.float32)],
    )
    yield OURS, whole_way(exact, "")
    yield "crispim-ij denoise, stack", whole_way(exact, ".tif")
    yield "crispim-ij denoise, OME-Zarr", whole_way(exact, ".zarr")
    yield "crispim-ij denoise, bfloat16", whole_way(fast, "")
    yield "bare compiled function", by_plane(lambda x: compiled(x[None, ..., None]).numpy())
    yield (
        "model.predict, as notebooks do",
        by_plane(lambda x: network.predict(x[None, ..., None], verbose=0)),
    )
    yield from csbdeep_way(network)
    yield from onnx_way(folder, threads)
    yield from openvino_way(folder, threads)
    yield from careamics_way(folder, threads)
    for name in ("tv", "cv2"):
        yield f"{name}, as in the paper", by_plane(find_method(name).denoise)


def whole_way(denoiser: Denoiser, suffix: str) -> Way:
    """Return what `crispim-ij denoise` does once TensorFlow is there."""

    def run(noisy: Path, denoised: Path) -> None:
        noisy, denoised = Path(f"{noisy}{suffix}"), Path(f"{denoised}{suffix}")
        with open_source(noisy) as source, create_sink(denoised, source) as sink:
            list(denoise_planes(source, sink, denoiser))

    return run


def by_plane(denoise: Callable[[Plane], Plane]) -> Way:
    """Return a notebook's loop around a function: a file in, a file out, through Pillow."""

    def run(noisy: Path, denoised: Path) -> None:
        denoised.mkdir()
        for path in sorted(noisy.iterdir()):
            with Image.open(path) as picture:
                plane = np.asarray(picture, np.float32)
            result = np.asarray(denoise(plane), np.float32).reshape(plane.shape)
            counts = np.clip(np.rint(result), 0, 65535).astype(np.uint16)
            Image.fromarray(counts).save(denoised / path.name)

    return run


def csbdeep_way(network: object) -> Iterator[tuple[str, Way]]:
    """Yield CSBDeep's prediction in tiles, where it is installed."""
    try:
        from csbdeep.internals.predict import predict_tiled
    except ImportError as error:
        print(f"left out: CSBDeep ({error})")
        return
    tiles, blocks, overlaps = (2, 2, 1), (4, 4, 1), (TILE_OVERLAP, TILE_OVERLAP, 0)
    yield (
        "CSBDeep's tiled predict",
        by_plane(
            lambda x: predict_tiled(
                network, x[..., None], tiles, blocks, overlaps, "YXC", verbose=0
            )
        ),
    )


def onnx_way(folder: Path, threads: int) -> Iterator[tuple[str, Way]]:
    """Yield the exported model in ONNX Runtime, where it is installed."""
    try:
        import onnxruntime
    except ImportError as error:
        print(f"left out: ONNX Runtime ({error})")
        return
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(exported(folder)), options)
    name = session.get_inputs()[0].name
    yield "ONNX Runtime", by_plane(lambda x: session.run(None, {name: x[None, ..., None]})[0])


def openvino_way(folder: Path, threads: int) -> Iterator[tuple[str, Way]]:
    """Yield the exported model in OpenVINO, where it is installed."""
    try:
        import openvino
    except ImportError as error:
        print(f"left out: OpenVINO ({error})")
        return
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(exported(folder)), "CPU", settings)
    yield "OpenVINO", by_plane(lambda x: compiled(x[None, ..., None])[0])


def careamics_way(folder: Path, threads: int) -> Iterator[tuple[str, Way]]:
    """Yield CAREamics' prediction from folder to folder, where it is installed."""
    try:
        import torch
        from careamics import CAREamist
        from careamics.config import create_n2v_config
    except ImportError as error:
        print(f"left out: CAREamics ({error})")
        return
    torch.set_num_threads(threads)
    settings = {"axes": "YX", "patch_size": (64, 64), "batch_size": 1, "num_epochs": 1}
    config = create_n2v_config("speed", "tiff", num_steps=1, **settings)
    careamist = CAREamist(config, work_dir=folder, enable_progress_bar=False)
    careamist.train(train_data=folder / "noisy0")  # one step: it predicts with no other weights

    def run(noisy: Path, denoised: Path) -> None:
        results, _ = careamist.predict(noisy, data_type="tiff", axes="YX", tile_size=(256, 256))
        denoised.mkdir()
        for path, result in zip(sorted(noisy.iterdir()), results, strict=True):
            counts = np.clip(np.rint(result.squeeze()), 0, 65535).astype(np.uint16)
            Image.fromarray(counts).save(denoised / path.name)

    weights = sum(p.numel() for p in careamist.model.parameters())
    yield f"CAREamics, own N2V ({weights:,} weights)", run


def exported(folder: Path) -> Path:
    """Return the model as ONNX."""
    from crispim_ij.exporting import ExportSettings, Format, export_model

    path = folder / "model.onnx"
    if not path.exists():
        export_model(told_model(MODEL), path, ExportSettings(Format.ONNX))
    return path


def take_turns(folder: Path, ways: dict[str, Way]) -> dict[str, float]:
    """Return the seconds that each way takes for all parts, once all are warm."""
    for number, way in enumerate(ways.values()):
        way(folder / "noisy0", folder / f"cold{number}")
    seconds = dict.fromkeys(ways, 0.0)
    for part in range(PARTS):
        for number, (name, way) in enumerate(ways.items()):
            begin = time.perf_counter()
            way(folder / f"noisy{part}", folder / f"way{number}-{part}")
            seconds[name] += time.perf_counter() - begin
    return seconds


def report(folder: Path, seconds: dict[str, float], planes: int) -> None:
    """Print the rates, and how far the counts are from ours."""
    ours = seconds[OURS]
    print(f"{'way':42} {'planes/s':>9} {'rate':>7}  largest difference in counts")
    for number, (name, spent) in enumerate(seconds.items()):
        differences = largest_difference(folder / "way0-0", folder / f"way{number}-0")
        print(f"{name:42} {planes / spent:9.2f} {ours / spent:6.2f}x  {differences}")


def largest_difference(ours: Path, theirs: Path) -> str:
    """Compare the first part's planes, where they are a folder, and their inner parts."""
    if not theirs.is_dir():
        return "-"
    a, b = (
        np.stack([tifffile.imread(path) for path in sorted(folder.glob("*.tif"))]).astype(int)
        for folder in (ours, theirs)
    )
    differences = np.abs(a - b)
    inner = differences[:, TILE_OVERLAP:-TILE_OVERLAP, TILE_OVERLAP:-TILE_OVERLAP]
    return f"{differences.max()} ({inner.max()} inside)"


if __name__ == "__main__":
    main()
