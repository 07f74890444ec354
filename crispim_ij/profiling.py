"""Where the time of a run goes."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Self, TypeVar, cast

if TYPE_CHECKING:
    from crispim_ij.denoising import TileDenoiser
    from crispim_ij.noise import CameraNoise
    from crispim_ij.parity import Engine
    from crispim_ij.planes import Sink, Source

Kind = Literal["starting", "reading", "computing", "writing"]
Given = ParamSpec("Given")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Profile:
    """Where the time of a run went, in seconds.

    Attributes
    ----------
    wall : float
        From the clock's start to now.
    starting : float
        Loading TensorFlow and the model.
    reading, computing, writing : float
        Sums over all threads, so that together they may exceed `wall`. What is done
        within something else counts once: reading within computing is reading.
    waiting : float
        Time in which the clock's own thread, which writes, did none of these: it
        waited for the threads that read and compute, or did something else.
    """

    wall: float
    starting: float
    reading: float
    computing: float
    writing: float
    waiting: float


class Clock:
    """Measures what threads do; the thread that makes it is the one that writes."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._thread = threading.get_ident()
        self._busy = 0.0
        self._seconds: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._within = threading.local()

    @contextmanager
    def measure(self, kind: Kind) -> Iterator[None]:
        """Add the time of a block to one kind, less what is measured within it."""
        begun = time.perf_counter()
        outer = getattr(self._within, "seconds", 0.0)
        self._within.seconds = 0.0
        try:
            yield
        finally:
            spent = time.perf_counter() - begun
            own = spent - self._within.seconds
            self._within.seconds = outer + spent
            with self._lock:
                self._seconds[kind] += own
                if threading.get_ident() == self._thread:
                    self._busy += own

    def timed(self, kind: Kind, function: Callable[Given, Result]) -> Callable[Given, Result]:
        """Return a function that is measured whenever it is called."""

        def measured(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            with self.measure(kind):
                return function(*args, **kwargs)

        return measured

    def source(self, source: Source) -> Source:
        """Return a source whose reading is measured."""
        return cast("Source", _Timed(source, self, "reading", ("read", "read_region")))

    def sink(self, sink: Sink) -> Sink:
        """Return a sink whose writing is measured, and so are its beginning and its end."""
        return cast("Sink", _TimedSink(sink, self, "writing", ("write",)))

    def denoiser(self, denoiser: TileDenoiser) -> TileDenoiser:
        """Return a denoiser whose work is measured."""
        return cast("TileDenoiser", _TimedDenoiser(denoiser, self, "computing", ("extended",)))

    def engine(self, engine: Engine) -> Engine:
        """Return an engine whose work is measured."""
        names = [name for name in ("resize", "resize_part", "noise") if hasattr(engine, name)]
        return cast("Engine", _Timed(engine, self, "computing", names))

    def profile(self) -> Profile:
        """Return where the time went until now."""
        wall = time.perf_counter() - self._begun
        return Profile(
            wall=wall,
            starting=self._seconds["starting"],
            reading=self._seconds["reading"],
            computing=self._seconds["computing"],
            writing=self._seconds["writing"],
            waiting=wall - self._busy,
        )


class _Timed:
    """An object of which some methods are measured."""

    def __init__(self, inner: Any, clock: Clock, kind: Kind, names: Sequence[str]) -> None:
        self._inner, self._clock, self._kind = inner, clock, kind
        for name in names:
            setattr(self, name, clock.timed(kind, getattr(inner, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, *args: Any) -> Any:
        with self._clock.measure(self._kind):
            return self._inner(*args)

    def __len__(self) -> int:
        return len(self._inner)


class _TimedDenoiser(_Timed):
    """A denoiser that is measured after it is told the noise, too."""

    def told(self, noise: CameraNoise | None) -> TileDenoiser:
        return self._clock.denoiser(self._inner.told(noise))


class _TimedSink(_Timed):
    """A sink that is entered and left in measured time."""

    def __enter__(self) -> Self:
        with self._clock.measure(self._kind):
            self._inner.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        with self._clock.measure(self._kind):
            self._inner.__exit__(*error)


def peak_memory() -> int:
    """Return the most bytes of memory that this process has held at once."""
    import psutil

    memory = psutil.Process().memory_info()
    if hasattr(memory, "peak_wset"):  # Windows
        return int(memory.peak_wset)
    return _peak_of_posix()


def _peak_of_posix() -> int:
    """Return the peak as Linux tells it of this process alone, or as macOS does."""
    import resource

    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text(encoding="ascii"))
        if found:
            return int(found[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
