"""The planes that a 3D network is given to make one of."""

from __future__ import annotations

MINI_STACK = 16
"""Planes that go in."""

TARGET = 8
"""Index of the one that comes out."""


def mini_stack(index: int, count: int) -> list[int]:
    """Return the planes around one plane of a stack.

    Parameters
    ----------
    index : int
        The plane that is wanted.
    count : int
        Planes in the stack.

    Returns
    -------
    list of int
        8 planes below it, the plane itself, 7 above. Beyond its ends the stack is
        mirrored, the last plane repeated (NumPy's 'symmetric'), however short it is.
    """
    around = ((index - TARGET + k) % (2 * count) for k in range(MINI_STACK))
    return [min(place, 2 * count - 1 - place) for place in around]
