"""Planes in TIFF files: a folder of them, or one file."""
