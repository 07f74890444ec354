"""Run a trained network over planes of any size."""

from crispim_ij.denoising.denoiser import Denoiser, DenoiseSettings
from crispim_ij.denoising.load import load_denoiser
from crispim_ij.denoising.pipeline import TileDenoiser, check_slices, denoise_planes

__all__ = [
    "DenoiseSettings",
    "Denoiser",
    "TileDenoiser",
    "check_slices",
    "denoise_planes",
    "load_denoiser",
]
