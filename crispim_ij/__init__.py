"""Denoise light-sheet stacks from the command line or from Fiji."""

__version__ = "0.1.0"
