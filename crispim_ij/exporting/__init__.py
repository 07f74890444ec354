"""Models in the formats of other programs: Fiji's CSBDeep, TensorFlow, ONNX, bioimage.io."""

from crispim_ij.exporting.export import (
    Exported,
    ExportSettings,
    Format,
    check_place,
    export_model,
    export_shipped,
    format_of,
)
from crispim_ij.exporting.units import check_noise

__all__ = [
    "ExportSettings",
    "Exported",
    "Format",
    "check_noise",
    "check_place",
    "export_model",
    "export_shipped",
    "format_of",
]
