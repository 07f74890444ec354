"""The former names of `blocks`."""

from crispim_ij.planes.blocks import Block as Piece
from crispim_ij.planes.blocks import blocks_of as pieces_of
from crispim_ij.planes.blocks import read_mirrored

__all__ = ["Piece", "pieces_of", "read_mirrored"]
