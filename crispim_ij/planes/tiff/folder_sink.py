"""A folder that takes a file per plane."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from crispim_ij.planes.atomic import make_folders, partial_path, remove_partials, write_faults
from crispim_ij.planes.journal import Record
from crispim_ij.planes.sink_settings import SinkSettings
from crispim_ij.planes.source import Source
from crispim_ij.planes.writing import Writing


class FolderSink(Writing):
    """A folder that takes a file per plane, in any order and from any thread.

    Parameters
    ----------
    path : Path
        The folder.
    source : Source
        Gives names and metadata.
    settings : SinkSettings
        How planes are written.
    """

    def __init__(self, path: Path, source: Source, settings: SinkSettings) -> None:
        super().__init__(path, source, settings, in_folder=True)
        self._mutex = threading.Lock()
        self._ended = False
        self._written: list[int] = []

    def __enter__(self) -> FolderSink:
        self._made = make_folders(self.path)
        try:
            self._open()
            with write_faults(self.path):
                remove_partials(self.path)
        except BaseException:
            self._leave(forget=self._anew)
            raise
        return self

    def _surviving(self, record: Record) -> list[int]:
        """Return the planes that nobody has removed since."""
        present = {file.name for file in self.path.iterdir()}
        return [k for k in record.done if self._source.names[k] in present]

    def write(self, index: int, pixels: NDArray[Any], at: tuple[int, int] = (0, 0)) -> None:
        """Write a (Y, X) plane under the name of the source's plane `index`."""
        converted = self._whole(index, pixels, at)
        target = self.path / self._source.names[index]
        contents = self._contents(1, self._source.plane_metadata(index))
        try:
            with write_faults(target):
                writer = self._page_writer(target, contents)
                try:
                    writer.write(converted)
                finally:
                    writer.close()
                self._commit(index, target)
        except BaseException:
            partial_path(target).unlink(missing_ok=True)
            raise
        if self._journal is not None:
            self._journal.note([index], [target])

    def _commit(self, index: int, target: Path) -> None:
        """Give a finished file its name, unless the run is over."""
        with self._mutex:
            if self._ended:
                raise RuntimeError("a plane was written after the end of the 'with' statement")
            partial_path(target).replace(target)
            self._written.append(index)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        with self._mutex:
            self._ended = True
        worth_keeping = True
        try:
            if kind is None:
                self._finish()
            else:
                worth_keeping = self._save_journal()
                self._discard(() if worth_keeping else self._written)
        finally:
            self._leave(forget=not worth_keeping)

    def _finish(self) -> None:
        """Say that all is written."""
        if self._journal is not None:
            self._journal.sync()
            if self._journal.done.all():
                self._journal.finish()

    def _discard(self, planes: Iterable[int]) -> None:
        """Remove some planes and what is half-written."""
        for index in planes:
            (self.path / self._source.names[index]).unlink(missing_ok=True)
        remove_partials(self.path)
