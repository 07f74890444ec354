"""Images on disk: a Source yields planes, a Sink takes them."""

from crispim_ij.planes.convert import to_dtype
from crispim_ij.planes.metadata import Metadata
from crispim_ij.planes.opening import open_source
from crispim_ij.planes.paired_sink import PairedSink
from crispim_ij.planes.selection import Selection, parse_numbers, z_stacks
from crispim_ij.planes.sink import Sink, create_sink, recorded_options
from crispim_ij.planes.sink_settings import SinkSettings, ZarrSettings
from crispim_ij.planes.source import Source
from crispim_ij.planes.tiff.page_writer import Compression

__all__ = [
    "Compression",
    "Metadata",
    "PairedSink",
    "Selection",
    "Sink",
    "SinkSettings",
    "Source",
    "ZarrSettings",
    "create_sink",
    "open_source",
    "parse_numbers",
    "recorded_options",
    "to_dtype",
    "z_stacks",
]
