"""Images on disk: a Source yields planes, a Sink takes them."""

from crispim_ij.planes.channels import channel_names
from crispim_ij.planes.checks import check_output, free_space
from crispim_ij.planes.formats import (
    create_sink,
    open_source,
    open_stack,
    recorded_options,
    renaming,
)
from crispim_ij.planes.metadata import Metadata
from crispim_ij.planes.pixels import to_dtype
from crispim_ij.planes.selection import (
    Selection,
    aligned,
    by_channel,
    clean_stacks,
    numbered,
    parse_channels,
    parse_numbers,
    select,
    z_stacks,
)
from crispim_ij.planes.sink import Compression, PairedSink, Sink, SinkSettings, ZarrSettings
from crispim_ij.planes.source import Source
from crispim_ij.planes.tree import Tree, find_tree

__all__ = [
    "Compression",
    "Metadata",
    "PairedSink",
    "Selection",
    "Sink",
    "SinkSettings",
    "Source",
    "Tree",
    "ZarrSettings",
    "aligned",
    "by_channel",
    "channel_names",
    "check_output",
    "clean_stacks",
    "create_sink",
    "find_tree",
    "free_space",
    "numbered",
    "open_source",
    "open_stack",
    "parse_channels",
    "parse_numbers",
    "recorded_options",
    "renaming",
    "select",
    "to_dtype",
    "z_stacks",
]
