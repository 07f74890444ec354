"""What a file holds, and what a model would make of it, before a long run."""

from crispim_ij.previewing.inspection import Inspection, inspect_path
from crispim_ij.previewing.noise import Fit, judge
from crispim_ij.previewing.part import Crop, parse_crop
from crispim_ij.previewing.picture import strip, write_picture
from crispim_ij.previewing.run import Looked, Preview, look, preview

__all__ = [
    "Crop",
    "Fit",
    "Inspection",
    "Looked",
    "Preview",
    "inspect_path",
    "judge",
    "look",
    "parse_crop",
    "preview",
    "strip",
    "write_picture",
]
