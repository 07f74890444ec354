"""Planes in OME-Zarr."""
