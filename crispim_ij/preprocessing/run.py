"""What is done with the planes of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crispim_ij.parity import Engine, Plane
from crispim_ij.planes import Sink, Source
from crispim_ij.preprocessing.noise_plan import PlaneNoise
from crispim_ij.preprocessing.settings import PreprocessSettings


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
