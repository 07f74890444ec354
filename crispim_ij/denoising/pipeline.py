"""Read, denoise and write a stack, all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.networks import mini_stack
from crispim_ij.prefetch import prefetch

if TYPE_CHECKING:
    from crispim_ij.planes import Sink, Source

IN_FLIGHT = 2
"""Planes in the network at once: while one is cut up or put together, another computes."""


def denoise_stack(
    source: Source,
    sink: Sink,
    denoise: Callable[[NDArray[Any]], NDArray[np.float32]],
    on_plane: Callable[[], None],
    depth: int = 1,
) -> None:
    """Denoise every plane of a source into a sink.

    Threads read and denoise planes while this one writes, in order; no more than a
    few planes are held, however long the stack, and each is read once.

    Parameters
    ----------
    source : Source
        Noisy planes.
    sink : Sink
        Takes the results under the same indices.
    denoise : callable
        From a (Y, X) plane to its denoised counts, such as a `Denoiser`.
    on_plane : callable
        Called after each plane is written.
    depth : int
        Planes that `denoise` takes, as one array: 1, or more for the planes around each.
    """
    threads = {"workers": IN_FLIGHT, "ahead": 2 * IN_FLIGHT}
    if depth == 1:
        results = prefetch(lambda index: denoise(source.read(index)), range(len(source)), **threads)
    else:
        stacks = windows(source, depth)
        results = prefetch(lambda planes: denoise(np.stack(planes)), stacks, **threads)
    for index, result in enumerate(results):
        sink.write(index, result)
        on_plane()


def windows(source: Source, depth: int) -> Iterator[list[NDArray[Any]]]:
    """Lay the planes of a mini-stack around each plane of a source, reading each once.

    Parameters
    ----------
    source : Source
        The planes.
    depth : int
        Planes of a mini-stack.

    Yields
    ------
    list of ndarray
        `depth` planes for each plane, see `crispim_ij.networks.mini_stack`.
    """
    held: dict[int, NDArray[Any]] = {}
    for index in range(len(source)):
        around = mini_stack(index, len(source), depth)
        # Mirrored planes lie within the window, too: nothing is dropped that is needed again.
        held = {k: held[k] if k in held else source.read(k) for k in sorted(set(around))}
        yield [held[k] for k in around]
