"""A run described once, and done in this process; `crispim_ij.cluster` does it on Dask."""

from crispim_ij.jobs.acquisition import (
    Acquisition,
    check_acquisition,
    do_acquisition,
    plan_denoising_of_tree,
    plan_preprocessing_of_tree,
)
from crispim_ij.jobs.denoise import DenoiseJob, plan_denoising, plan_denoising_into
from crispim_ij.jobs.local import denoise_locally, preprocess_locally
from crispim_ij.jobs.output import Output
from crispim_ij.jobs.preprocess import (
    PreprocessJob,
    plan_preprocessing,
    plan_preprocessing_in_memory,
)

__all__ = [
    "Acquisition",
    "DenoiseJob",
    "Output",
    "PreprocessJob",
    "check_acquisition",
    "denoise_locally",
    "do_acquisition",
    "plan_denoising",
    "plan_denoising_into",
    "plan_denoising_of_tree",
    "plan_preprocessing",
    "plan_preprocessing_in_memory",
    "plan_preprocessing_of_tree",
    "preprocess_locally",
]
