"""The planes that a network is given to make one of."""

from __future__ import annotations


def mini_stack(index: int, count: int, depth: int, gap: int = 1) -> list[int]:
    """Return the planes around one plane of a stack.

    Parameters
    ----------
    index : int
        The plane that is wanted.
    count : int
        Planes in the stack.
    depth : int
        Planes that go in for the one that comes out.
    gap : int
        Distance of neighbours, in planes of the stack.

    Returns
    -------
    list of int
        `depth` planes, the wanted one at ``depth // 2``: of 16, 8 lie below it and 7
        above. Beyond its ends the stack is mirrored, the last plane repeated (NumPy's
        'symmetric'), however short it is.
    """
    around = ((index + gap * (k - depth // 2)) % (2 * count) for k in range(depth))
    return [min(place, 2 * count - 1 - place) for place in around]
