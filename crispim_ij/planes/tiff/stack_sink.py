"""One TIFF file that takes its planes in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import tifffile
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.atomic import make_folders, partial_path, write_faults
from crispim_ij.planes.checks import decoded, faults_named
from crispim_ij.planes.journal import Record, sync_file, sync_folder
from crispim_ij.planes.sink_settings import SinkSettings
from crispim_ij.planes.source import Source
from crispim_ij.planes.tiff.page_writer import Compression, PageWriter
from crispim_ij.planes.tiff.regions import mapped_region
from crispim_ij.planes.writing import WholeWriting


class StackSink(WholeWriting):
    """One file that takes its planes in order.

    A run that goes on with a stopped one copies the planes that are finished from the
    stopped run's file into its own, so both files are written in one and the same way.

    Parameters
    ----------
    path : Path
        The file.
    source : Source
        Gives the number of planes and metadata.
    settings : SinkSettings
        How planes are written.
    """

    in_order = True

    def __init__(self, path: Path, source: Source, settings: SinkSettings) -> None:
        super().__init__(path, source, settings, in_folder=False)
        self._count = 0
        self._file: PageWriter | None = None
        self._partial = partial_path(path)
        # What a stopped run has written, until it is copied.
        self._old = self._partial.with_suffix(".old")

    def __enter__(self) -> StackSink:
        self._made = make_folders(self.path.parent)
        try:
            self._open(self._flush)
            if self._anew:
                self._old.unlink(missing_ok=True)
            if self.kept < len(self._source) or self._old.exists() or self._partial.exists():
                self._begin()
            else:
                self._count = len(self._source)
        except BaseException:
            self._close_quietly()
            if self._anew:
                self._partial.unlink(missing_ok=True)
            self._leave(forget=self._anew)
            raise
        return self

    def _surviving(self, record: Record) -> list[int] | None:
        """Return the planes in what was written, or all of a file that has its name."""
        written = self._old.exists() or self._partial.exists()
        if self.path.exists() and not written and len(set(record.done)) == len(self._source):
            return record.done
        return record.done if written and not record.finished else None

    def _begin(self) -> None:
        """Open the file and put the planes into it that are finished."""
        contents = self._contents(len(self._source), self._source.metadata)
        with write_faults(self.path):
            if self.kept and not self._old.exists():
                self._partial.replace(self._old)
            self._file = self._page_writer(self.path, contents)
            for plane in self._finished_planes(self.kept):
                self._file.write(plane)
                self._count += 1
            if self.kept:
                self._flush()
                # Not before all that it held is safe elsewhere.
                self._old.unlink()

    def _finished_planes(self, count: int) -> Iterator[NDArray[Any]]:
        """Read so many planes of a file whose end may be missing."""
        if not count:
            return
        with faults_named(self._old), tifffile.TiffFile(self._old) as tif:
            first = tif.pages.first
            for k in range(count):
                if self._compression is Compression.NONE:
                    # Pages without compression follow each other without a gap.
                    offset = first.dataoffsets[0] + k * self._plane_bytes()
                    whole = slice(0, self._shape[0]), slice(0, self._shape[1])
                    yield mapped_region(self._old, offset, self._shape, self._dtype, whole)
                else:
                    page = tif.pages.get(k, aspage=True)
                    assert isinstance(page, tifffile.TiffPage)
                    yield decoded(page, self._old, k)

    def _plane_bytes(self) -> int:
        """Return how much a plane takes without compression."""
        return self._shape[0] * self._shape[1] * self._dtype.itemsize

    def write(self, index: int, pixels: NDArray[Any], at: tuple[int, int] = (0, 0)) -> None:
        """Append a (Y, X) plane; `index` must be the number of planes so far."""
        if self._file is None or index != self._count:
            raise ValueError(f"plane {index} is out of order, expected {self._count}")
        converted = self._whole(index, pixels, at)
        with write_faults(self.path):
            self._file.write(converted)
        self._count += 1
        if self._journal is not None:
            self._journal.note([index])

    def _finish(self) -> None:
        """Close the file and give it its name if it is whole."""
        if self._count != len(self._source):
            raise ValueError(f"{self._count} of {len(self._source)} planes were written")
        if self._journal is not None:
            self._journal.sync()
        with write_faults(self.path):
            if self._file is not None:
                file, self._file = self._file, None
                file.close()
                sync_file(self._partial)
                self._partial.replace(self.path)
                sync_folder(self.path.parent)
        if self._journal is not None:
            self._journal.finish()

    def _stop(self) -> bool:
        """Keep the planes that are safe, or remove the file; return which."""
        worth_keeping = self._save_journal()
        self._close_quietly()
        if not worth_keeping:
            self._partial.unlink(missing_ok=True)
        return worth_keeping

    def _flush(self) -> None:
        """Make the planes so far safe."""
        if self._file is not None:
            with write_faults(self.path):
                self._file.flush()
            sync_file(self._partial)

    def _close_quietly(self) -> None:
        """Close the file, which is not whole: that it can't be ended does not matter."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError, CrispimError):
                file.close()
