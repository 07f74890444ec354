"""Do jobs on the worker processes of Dask, to the bytes of a run on one machine."""

from crispim_ij.cluster.client import ClusterClient, ClusterSettings, open_client
from crispim_ij.cluster.work import denoise_on, preprocess_on

__all__ = ["ClusterClient", "ClusterSettings", "denoise_on", "open_client", "preprocess_on"]
