"""Read, denoise and write a stack, all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby, repeat
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from crispim_ij.denoising.tiles import TileGrid
from crispim_ij.errors import CrispimError
from crispim_ij.networks import mini_stack
from crispim_ij.noise import CameraNoise
from crispim_ij.planes.pieces import Piece, pieces_of, read_mirrored
from crispim_ij.planes.selection import z_stacks
from crispim_ij.prefetch import prefetch

if TYPE_CHECKING:
    from crispim_ij.denoising.denoiser import Denoiser
    from crispim_ij.planes import Sink, Source

IN_FLIGHT = 2
"""Planes in the network at once: while one is cut up or put together, another computes."""

Denoise = Callable[[NDArray[Any]], NDArray[np.float32]]
Read = Callable[[int], NDArray[Any]]
Noises = Sequence[CameraNoise] | None


def denoise_stack(
    source: Source,
    sink: Sink,
    denoise: Denoise,
    on_done: Callable[[float], None] = lambda _: None,
    depth: int = 1,
    noises: Noises = None,
) -> None:
    """Denoise every plane of a source into a sink.

    Threads read and denoise planes while this one writes, in order; no more than a
    few planes are held, however long the stack. A sink that writes parts of planes is
    given parts, so that no plane is ever held as a whole. What the sink has already is
    left out.

    Parameters
    ----------
    source : Source
        Noisy planes.
    sink : Sink
        Takes the results under the same indices.
    denoise : callable
        From a (Y, X) plane to its denoised counts. For a sink that writes parts of
        planes it must be a `Denoiser`.
    on_done : callable
        Called after each write, with the share of a plane that it was.
    depth : int
        Planes that `denoise` takes, as one array: 1, or more for the planes around each
        within its own channel and time point.
    noises : sequence of CameraNoise, optional
        What `denoise`, a `Denoiser`, is told of each plane.
    """
    for share in denoise_by_steps(source, sink, denoise, depth, noises):
        on_done(share)


def denoise_by_steps(
    source: Source, sink: Sink, denoise: Denoise, depth: int = 1, noises: Noises = None
) -> Iterator[float]:
    """Do what `denoise_stack` does, as far as steps are taken.

    Parameters
    ----------
    source : Source
        Noisy planes.
    sink : Sink
        Takes the results.
    denoise : callable
        From a plane to its denoised counts.
    depth : int
        Planes that `denoise` takes.
    noises : sequence of CameraNoise, optional
        What it is told of each plane.

    Yields
    ------
    float
        After each write, the share of a plane that it was. Closing the iterator ends the
        work once the planes that are in the network have left it.
    """
    check_slices(source, depth)
    whole = sink.unit == source.shape[1:]
    longest = max(sink.unit) if whole else cast("Denoiser", denoise).settings.tile
    pieces = pieces_of(source, sink, longest, deep=depth > 1)
    yield from _steps(source, sink, _teller(denoise, noises), pieces, depth, IN_FLIGHT)


def denoise_pieces(
    source: Source,
    sink: Sink,
    denoise: Denoise,
    pieces: Iterable[Piece],
    depth: int = 1,
    in_flight: int = IN_FLIGHT,
    noises: Noises = None,
) -> None:
    """Denoise some pieces of a source into a sink, see `denoise_stack`.

    The pixels of a piece don't depend on which others are among them.

    Parameters
    ----------
    source : Source
        Noisy planes.
    sink : Sink
        Takes the results.
    denoise : callable
        From a plane to its denoised counts.
    pieces : iterable of Piece
        In an order of `crispim_ij.planes.pieces.pieces_of`.
    depth : int
        Planes that `denoise` takes.
    in_flight : int
        Pieces in the network at once.
    noises : sequence of CameraNoise, optional
        What `denoise` is told of each plane.
    """
    for _ in _steps(source, sink, _teller(denoise, noises), pieces, depth, in_flight):
        pass


def _teller(denoise: Denoise, noises: Noises) -> Callable[[int], Denoise]:
    """Return what denoises each plane, told its noise."""
    if noises is None:
        return lambda _: denoise
    denoiser = cast("Denoiser", denoise)
    return lambda index: denoiser.told(noises[index])


def _steps(
    source: Source,
    sink: Sink,
    of_plane: Callable[[int], Denoise],
    pieces: Iterable[Piece],
    depth: int,
    in_flight: int,
) -> Iterator[float]:
    """Denoise piece after piece; yield the share of a plane that each was."""
    if sink.unit == source.shape[1:]:
        work = _whole_planes(source, of_plane, depth, list(pieces))
    else:
        work = _parts(source, cast("Callable[[int], Denoiser]", of_plane), depth, pieces)
    with_results = prefetch(
        lambda job: (job[0], job[1]()), work, workers=in_flight, ahead=2 * in_flight
    )
    for piece, result in with_results:
        sink.write(piece.index, result, piece.at)
        yield piece.share


Job = tuple[Piece, Callable[[], NDArray[np.float32]]]


def check_slices(source: Source, depth: int) -> None:
    """Refuse a 3D model where planes are said not to lie above one another.

    Parameters
    ----------
    source : Source
        Noisy planes.
    depth : int
        Planes that the model takes.

    Raises
    ------
    CrispimError
        If it takes several, and the planes are one slice each.
    """
    if depth > 1 and len(source) > 1 and z_stacks(source.metadata, len(source)).shape[1] == 1:
        raise CrispimError(
            f"'{source.path}' has {len(source)} planes but, by its own words, one slice for each "
            "channel and time point, and a 3D model needs slices: say so in ImageJ (Image > "
            "Properties), or use a 2D model."
        )


def _whole_planes(
    source: Source, of_plane: Callable[[int], Denoise], depth: int, pieces: list[Piece]
) -> Iterator[Job]:
    """Yield the work of each plane; a 3D model's planes are read here, in order, once each."""
    if depth == 1:
        for piece in pieces:
            yield piece, partial(_read_and_denoise, source, of_plane, piece.index)
        return
    stacks = windows(source, depth, [piece.index for piece in pieces])
    for piece, planes in zip(pieces, stacks, strict=True):
        yield piece, partial(_denoise_stacked, of_plane(piece.index), planes)


def _read_and_denoise(
    source: Source, of_plane: Callable[[int], Denoise], index: int
) -> NDArray[np.float32]:
    return of_plane(index)(source.read(index))


def _denoise_stacked(denoise: Denoise, planes: list[NDArray[Any]]) -> NDArray[np.float32]:
    return denoise(np.stack(planes))


def _parts(
    source: Source, of_plane: Callable[[int], Denoiser], depth: int, pieces: Iterable[Piece]
) -> Iterator[Job]:
    """Yield the work of each part of a plane."""
    for _, column in groupby(pieces, key=lambda piece: (piece.rows.start, piece.columns.start)):
        same_place = list(column)
        first = same_place[0]
        settings, spec = of_plane(first.index).settings, of_plane(first.index).spec
        grid = TileGrid.plan(first.shape, settings.tile, spec.halo, spec.stride)
        rows, columns = (
            slice(part.start - before, part.stop + behind)
            for part, (before, behind) in zip(
                (first.rows, first.columns), grid.margins, strict=True
            )
        )

        def read(index: int, rows: slice = rows, columns: slice = columns) -> NDArray[Any]:
            return read_mirrored(source, index, rows, columns)

        def denoise(
            index: int, planes: list[NDArray[Any]] | None, grid: TileGrid = grid, read: Read = read
        ) -> NDArray[np.float32]:
            given = read(index) if planes is None else np.stack(planes)
            return of_plane(index).extended(grid, given)

        stacks: Iterable[list[NDArray[Any]] | None] = (
            windows(source, depth, [piece.index for piece in same_place], read)
            if depth > 1
            else repeat(None, len(same_place))
        )
        for piece, planes in zip(same_place, stacks, strict=True):
            yield piece, partial(denoise, piece.index, planes)


def windows(
    source: Source,
    depth: int,
    wanted: Iterable[int] | None = None,
    read: Callable[[int], NDArray[Any]] | None = None,
) -> Iterator[list[NDArray[Any]]]:
    """Lay the planes of a mini-stack around each plane of a source, reading each once.

    Neighbours are of the plane's own channel and time point.

    Parameters
    ----------
    source : Source
        The planes.
    depth : int
        Planes of a mini-stack.
    wanted : iterable of int, optional
        The planes that mini-stacks are laid around, those of a stack from below to
        above; by default all.
    read : callable, optional
        Reads a plane; by default the whole of it.

    Yields
    ------
    list of ndarray
        `depth` planes for each plane, see `crispim_ij.networks.mini_stack`.
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
