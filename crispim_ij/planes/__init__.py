"""Images on disk: a Source yields planes, a Sink takes them."""

from crispim_ij.planes.convert import to_dtype
from crispim_ij.planes.metadata import Metadata
from crispim_ij.planes.page_writer import Compression
from crispim_ij.planes.sink import Sink, SinkSettings, create_sink
from crispim_ij.planes.source import Source, open_source

__all__ = [
    "Compression",
    "Metadata",
    "Sink",
    "SinkSettings",
    "Source",
    "create_sink",
    "open_source",
    "to_dtype",
]
