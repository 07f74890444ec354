"""Denoise and preprocess on the worker processes of Dask, to the bytes of a run on one machine."""

from crispim_ij.cluster.crew import ClusterSettings, Crew, opened_crew
from crispim_ij.cluster.denoise import denoise_on
from crispim_ij.cluster.preprocess import preprocess_on

__all__ = ["ClusterSettings", "Crew", "denoise_on", "opened_crew", "preprocess_on"]
