"""A run described once, and done in this process; `crispim_ij.cluster` does it on Dask."""

from crispim_ij.jobs.denoise import DenoiseJob, plan_denoising, plan_denoising_in_memory
from crispim_ij.jobs.local import denoise_locally, preprocess_locally
from crispim_ij.jobs.output import Output
from crispim_ij.jobs.preprocess import (
    PreprocessJob,
    plan_preprocessing,
    plan_preprocessing_in_memory,
)

__all__ = [
    "DenoiseJob",
    "Output",
    "PreprocessJob",
    "denoise_locally",
    "plan_denoising",
    "plan_denoising_in_memory",
    "plan_preprocessing",
    "plan_preprocessing_in_memory",
    "preprocess_locally",
]
