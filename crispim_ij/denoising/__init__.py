"""Run a trained network over planes of any size."""

from crispim_ij.denoising.denoiser import Denoiser, DenoiseSettings
from crispim_ij.denoising.load import load_denoiser
from crispim_ij.denoising.pipeline import check_slices, denoise_by_steps, denoise_stack

__all__ = [
    "DenoiseSettings",
    "Denoiser",
    "check_slices",
    "denoise_by_steps",
    "denoise_stack",
    "load_denoiser",
]
