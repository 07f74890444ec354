"""Downsample planes and add noise to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from crispim_ij.parity import Engine, Plane
from crispim_ij.planes import Sink, Source
from crispim_ij.prefetch import prefetch
from crispim_ij.preprocess.bands import fits_bands, resized_bands
from crispim_ij.preprocess.noise_plan import PlaneNoise, plan_noise
from crispim_ij.preprocess.record import make_record
from crispim_ij.preprocess.settings import PreprocessSettings, target_size

Result = TypeVar("Result")

_ROWS_AT_ONCE = 64


def preprocess(
    source: Source,
    sink: Sink,
    clean_sink: Sink | None,
    settings: PreprocessSettings,
    engine: Engine,
    workers: int = 1,
    on_done: Callable[[float], None] = lambda _: None,
) -> dict[str, Any]:
    """Downsample every plane, add noise to it and write it.

    The pixels are those of ImageJ's ``Size...`` and then, after
    ``random("seed", n)``, ``Add Specified Noise...``. Planes pass one at a time:
    memory does not grow with their number. For sinks that write parts of planes they
    pass in bands of rows, where `fits_bands` says that they can. What the sinks have
    already is left out.

    Parameters
    ----------
    source : Source
        Planes of uint8, uint16 or float32.
    sink : Sink
        Takes the noisy planes, of `target_size`.
    clean_sink : Sink, optional
        Takes the same planes without noise.
    settings : PreprocessSettings
        What to do.
    engine : Engine
        Who does it: `crispim_ij.parity.NativeImageJ`, or a running ImageJ.
    workers : int
        Number of threads that compute. The pixels don't depend on it.
    on_done : callable, optional
        Called after each write, with the share of a plane that it was.

    Returns
    -------
    dict
        The record for `write_record`: settings, seeds, every plane's noise,
        ImageJ's version.

    Raises
    ------
    CrispimError
        If the planes or the settings don't fit ImageJ.
    """
    noises = plan_noise(source, settings)
    size = target_size(source.shape[1:], settings.factor)
    run = Run(source, sink, clean_sink, settings, engine, workers, noises, size)
    preprocess_planes(run, run.wanted(), on_done)
    return make_record(source, settings, engine, size, noises)


def preprocess_planes(
    run: Run, wanted: list[int], on_done: Callable[[float], None] = lambda _: None
) -> None:
    """Preprocess some planes of a run.

    Parameters
    ----------
    run : Run
        What is done with them.
    wanted : list of int
        Their indices, rising.
    on_done : callable
        Called after each write, with the share of a plane that it was.
    """
    if fits_bands(run):
        for index in wanted:
            _in_bands(run, index, on_done)
    else:
        _whole(run, wanted, on_done)


@dataclass(frozen=True)
class Run:
    """What is done with every plane, see `preprocess`.

    Attributes
    ----------
    source : Source
        The planes.
    sink, clean_sink : Sink
        Where noisy and clean ones go.
    settings : PreprocessSettings
        What is done.
    engine : Engine
        Who does it.
    workers : int
        Number of threads.
    noises : sequence or mapping of PlaneNoise
        The noise of each plane, by its index.
    size : tuple of int
        Rows and columns of the results.
    """

    source: Source
    sink: Sink
    clean_sink: Sink | None
    settings: PreprocessSettings
    engine: Engine
    workers: int
    noises: Sequence[PlaneNoise] | Mapping[int, PlaneNoise]
    size: tuple[int, int]

    @property
    def sinks(self) -> list[Sink]:
        """That of the noisy planes first, then that of the clean ones if these are wanted."""
        return [self.sink] if self.clean_sink is None else [self.sink, self.clean_sink]

    def wanted(self) -> list[int]:
        """Return the planes that are to be made."""
        missing = [k for k in range(len(self.source)) if not self.has(k)]
        # A stream that runs through the stack begins with its first plane in any case.
        return list(range(len(self.source))) if self.settings.seed_stack and missing else missing

    def has(self, index: int) -> bool:
        """Whether all sinks have the whole of a plane: its last unit, which is written last."""
        return all(sink.has(index, _last_unit(self.size, sink.unit)) for sink in self.sinks)

    def write(self, index: int, clean: Plane, noisy: Plane) -> None:
        """Write a plane to the sinks that lack it."""
        for sink, pixels in ((self.clean_sink, clean), (self.sink, noisy)):
            if sink is not None and not sink.has(index, _last_unit(self.size, sink.unit)):
                sink.write(index, pixels)


def _last_unit(size: tuple[int, int], unit: tuple[int, int]) -> tuple[int, int]:
    """Return where a plane's last unit begins."""
    row, column = ((n - 1) // u * u for n, u in zip(size, unit, strict=True))
    return row, column


def _whole(run: Run, wanted: list[int], on_done: Callable[[float], None]) -> None:
    """Preprocess planes that are held as a whole."""
    settings, engine = run.settings, run.engine
    height, width = run.size

    def computed(index: int) -> tuple[Plane, Plane | None]:
        clean = engine.resize(
            run.source.read(index), width, height, settings.interpolation, settings.average
        )
        noise = run.noises[index]
        if noise.sd == 0:
            return clean, clean
        # A stream that runs through the stack must meet its planes in order, below.
        return clean, None if settings.seed_stack else engine.noise(clean, noise.sd, noise.seed)

    made = _in_order(computed, wanted, run.workers)
    for index, (clean, noisy) in zip(wanted, made, strict=True):
        if noisy is None:
            noisy = engine.noise(clean, run.noises[index].sd, run.noises[index].seed)
        run.write(index, clean, noisy)
        on_done(1)


def _in_bands(run: Run, index: int, on_done: Callable[[float], None]) -> None:
    """Preprocess a plane of which only a band is held at a time.

    The noise is one stream that runs through the bands from above; those that are
    finished are made again for it, but not written.
    """
    noise = run.noises[index]
    for row, band in resized_bands(run, index):
        if run.clean_sink is not None:
            _write_units(run.clean_sink, index, band, row)
        _add_noise(run, band, noise, first=row == 0)
        _write_units(run.sink, index, band, row)
        on_done(len(band) / run.size[0])


def _add_noise(run: Run, band: Plane, noise: PlaneNoise, *, first: bool) -> None:
    """Add noise in place, little by little: the band is the most that is held."""
    if noise.sd == 0:
        return
    for top in range(0, len(band), _ROWS_AT_ONCE):
        part = band[top : top + _ROWS_AT_ONCE]
        seed = noise.seed if first and top == 0 else None
        part[:] = run.engine.noise(part, noise.sd, seed)


def _write_units(sink: Sink, index: int, band: Plane, row: int) -> None:
    """Write a band, unit by unit, where the sink lacks it."""
    for column in range(0, band.shape[1], sink.unit[1]):
        if not sink.has(index, (row, column)):
            sink.write(index, band[:, column : column + sink.unit[1]], (row, column))


def _in_order(
    function: Callable[[int], Result], indices: list[int], workers: int
) -> Iterator[Result]:
    """Apply a function to each index; one worker is this thread itself."""
    if workers == 1:
        return map(function, indices)
    return prefetch(function, indices, workers=workers, ahead=2 * workers)
