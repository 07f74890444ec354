"""What a file holds, and what a model would make of it, before a long run."""

from crispim_ij.previewing.inspection import Inspection, TreeInspection, inspect_path, inspect_tree
from crispim_ij.previewing.one_plane import Looked, Preview, look, preview
from crispim_ij.previewing.picture import strip, write_picture
from crispim_ij.previewing.region import Crop, parse_crop

__all__ = [
    "Crop",
    "Inspection",
    "Looked",
    "Preview",
    "TreeInspection",
    "inspect_path",
    "inspect_tree",
    "look",
    "parse_crop",
    "preview",
    "strip",
    "write_picture",
]
