"""Models in the formats of other programs: Fiji's CSBDeep, TensorFlow, ONNX, bioimage.io."""

from crispim_ij.exporting.export import Exported, ExportSettings, check_place, export_model
from crispim_ij.exporting.formats import Format

__all__ = ["ExportSettings", "Exported", "Format", "check_place", "export_model"]
