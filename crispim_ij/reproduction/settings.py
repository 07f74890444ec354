"""What a reproduction of the paper is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from crispim_ij.errors import CrispimError
from crispim_ij.parity import INT_MAX


@dataclass(frozen=True)
class ReproductionSettings:
    """All that decides a reproduction, but for the data.

    Attributes
    ----------
    test : str or None
        Name or path of the stack that is tested on; None leaves it to the rule of
        `crispim_ij.reproduction.choice.choose_test`.
    factor : float or None
        Factor by which planes shrink; None shrinks them by the paper's 4 where that leaves
        the paper's patch, and leaves them as they are where it doesn't.
    rescale : bool
        Map each stack's counts to those of the paper's tissue.
    quick : bool
        Train for minutes rather than for as long as the paper did.
    models : tuple of str
        More models to measure: names, model folders or files of Keras 2.
    seed : int
        Decides the noise, the first weights, every patch and the planes that are tested.

    Raises
    ------
    CrispimError
        If a value can't be.
    """

    test: str | None = None
    factor: float | None = None
    rescale: bool = True
    quick: bool = False
    models: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        # Each plane of a run seeds a generator of its own, from here up.
        most = INT_MAX // 2
        if not 0 <= self.seed <= most:
            raise CrispimError(f"--seed is {self.seed}; it must be from 0 to {most}.")
