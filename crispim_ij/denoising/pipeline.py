"""Read, denoise and write a stack, all at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

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
) -> None:
    """Denoise every plane of a source into a sink.

    Threads read and denoise planes while this one writes, in order; no more than a
    few planes are held, however long the stack.

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
    """
    results = prefetch(
        lambda index: denoise(source.read(index)),
        range(len(source)),
        workers=IN_FLIGHT,
        ahead=2 * IN_FLIGHT,
    )
    for index, result in enumerate(results):
        sink.write(index, result)
        on_plane()
