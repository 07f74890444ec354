"""Read, denoise and write a stack, all at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crispim_ij.denoising.tiles import TileGrid
from crispim_ij.errors import CrispimError
from crispim_ij.networks import mini_stack
from crispim_ij.noise import CameraNoise
from crispim_ij.planes.blocks import Block, blocks_of, read_mirrored
from crispim_ij.planes.selection import z_stacks
from crispim_ij.prefetch import prefetch

if TYPE_CHECKING:
    from crispim_ij.denoising.denoiser import DenoiseSettings
    from crispim_ij.planes import Sink, Source

IN_FLIGHT = 2
"""Planes in the network at once: while one is cut up or put together, another computes."""

Read = Callable[[int], NDArray[Any]]


class TileDenoiser(Protocol):
    """What denoises planes and parts of them: a `Denoiser`, or one in another process.

    Several threads may use it at once.
    """

    @property
    def depth(self) -> int:
        """Planes that it takes for the one that it gives."""

    @property
    def settings(self) -> DenoiseSettings:
        """How the network is run."""

    def told(self, noise: CameraNoise | None) -> TileDenoiser:
        """Return the same network, told the noise of the planes that come next."""

    def grid(self, shape: tuple[int, int]) -> TileGrid:
        """Cut a plane, or a part of one, into tiles."""

    def extended(self, grid: TileGrid, extended: NDArray[Any]) -> NDArray[np.float32]:
        """Denoise a part of shape ``grid.plane``, given with the margins ``grid.margins``.

        `extended` is (Y, X), or (depth, Y, X) for a 3D model, in raw counts.
        """


def denoise_planes(
    source: Source,
    sink: Sink,
    denoiser: TileDenoiser,
    noises: Sequence[CameraNoise] | None = None,
    *,
    blocks: Iterable[Block] | None = None,
    in_flight: int = IN_FLIGHT,
) -> Generator[float, None, None]:
    """Denoise a source into a sink, as far as steps are taken.

    Threads read and denoise planes while the caller's thread writes, in order; no more than
    a few planes are held, however long the stack. A sink that writes parts of planes is given
    parts, so that no plane is ever held as a whole. The pixels don't depend on the blocks.

    Parameters
    ----------
    source : Source
        Noisy planes.
    sink : Sink
        Takes the results under the same indices.
    denoiser : TileDenoiser
        What denoises.
    noises : sequence of CameraNoise, optional
        What `denoiser` is told of each plane.
    blocks : iterable of Block, optional
        What is to be denoised, in an order of `crispim_ij.planes.blocks.blocks_of`; by
        default all that the sink lacks.
    in_flight : int
        Blocks in the network at once.

    Yields
    ------
    float
        After each write, the share of a plane that it was. Closing the iterator ends the
        work once the planes that are in the network have left it.
    """
    if blocks is None:
        blocks = blocks_of(source, sink, denoiser.settings.tile, deep=denoiser.depth > 1)
    whole = sink.write_shape == source.shape[1:]

    def told(index: int) -> TileDenoiser:
        return denoiser if noises is None else denoiser.told(noises[index])

    work = (
        job
        for _, same_place in groupby(blocks, key=attrgetter("at"))
        for job in _work(source, told, denoiser.depth, list(same_place), whole=whole)
    )
    results = prefetch(lambda job: (job[0], job[1]()), work, workers=in_flight, ahead=2 * in_flight)
    for block, result in results:
        sink.write(block.index, result, block.at)
        yield block.share


def _work(
    source: Source,
    told: Callable[[int], TileDenoiser],
    depth: int,
    blocks: list[Block],
    *,
    whole: bool,
) -> Iterator[tuple[Block, Callable[[], NDArray[np.float32]]]]:
    """Yield what is to be computed for each block, all of one place in their planes.

    A 3D model's planes are read here, in order, once each; those of others where they are
    computed. Whole planes are mirrored in memory, parts as they are read.
    """
    grid = told(blocks[0].index).grid(blocks[0].shape)
    read = source.read if whole else _region_reader(source, blocks[0], grid)

    def denoise(index: int, planes: list[NDArray[Any]] | None) -> NDArray[np.float32]:
        given = read(index) if planes is None else np.stack(planes)
        return told(index).extended(grid, grid.extend(given) if whole else given)

    if depth == 1:
        for block in blocks:
            yield block, partial(denoise, block.index, None)
        return
    stacks = windows(source, depth, [block.index for block in blocks], read)
    for block, planes in zip(blocks, stacks, strict=True):
        yield block, partial(denoise, block.index, planes)


def _region_reader(source: Source, block: Block, grid: TileGrid) -> Read:
    """Return what reads a block's place of any plane, with the grid's margins."""
    rows, columns = (
        slice(part.start - before, part.stop + behind)
        for part, (before, behind) in zip((block.rows, block.columns), grid.margins, strict=True)
    )
    return lambda index: read_mirrored(source, index, rows, columns)


def check_slices(source: Source, depth: int) -> None:
    """Refuse a model that takes several planes where they are said not to lie above one another."""
    if depth > 1 and len(source) > 1 and z_stacks(source.metadata, len(source)).shape[1] == 1:
        raise CrispimError(
            f"'{source.path}' has {len(source)} planes but, according to its metadata, one slice "
            "for each channel and time point, and a 3D model needs slices: say so in ImageJ "
            "(Image > Properties), or in the names of a folder's files, or use a 2D model."
        )


def windows(
    source: Source,
    depth: int,
    wanted: Iterable[int] | None = None,
    read: Callable[[int], NDArray[Any]] | None = None,
) -> Iterator[list[NDArray[Any]]]:
    """Lay the planes of a mini-stack around each plane of a source, reading each once.

    Neighbours are of the plane's own channel and time point, see `crispim_ij.networks.mini_stack`.
    `wanted` are the planes that mini-stacks are laid around, those of a stack from below to above,
    and `read` reads one; by default all, and the whole of it.
    """
    stacks = z_stacks(source.metadata, len(source))
    stack_of, height = np.empty((2, len(source)), np.int64)
    stack_of[stacks], height[stacks] = np.ogrid[: stacks.shape[0], : stacks.shape[1]]
    held: dict[int, dict[int, NDArray[Any]]] = {}
    for index in range(len(source)) if wanted is None else wanted:
        number, z = int(stack_of[index]), int(height[index])
        around = stacks[number][mini_stack(z, stacks.shape[1], depth)].tolist()
        # Mirrored planes lie within the window, too: nothing is dropped that is needed again.
        before = held.pop(number, {})
        own = {
            k: before[k] if k in before else (read or source.read)(k) for k in sorted(set(around))
        }
        if z + 1 < stacks.shape[1]:
            held[number] = own
        yield [own[k] for k in around]
