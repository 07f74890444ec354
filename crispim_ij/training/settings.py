"""What a training run does besides: options that leave the recipe alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec

from crispim_ij.errors import CrispimError


@dataclass(frozen=True)
class RunSettings:
    """Options of a training run that don't belong in its recipe.

    None of them changes the weights, but for `devices`, which changes them within
    rounding: gradients of several devices are summed in another order.

    Attributes
    ----------
    devices : int or None
        GPUs to share each batch out to, or processors where there is no GPU. None takes
        as many as divide the batch.
    sample_every : int or None
        Steps between pictures of samples; 0 never, None a tenth of the recipe's steps.
    tensorboard : bool
        Whether losses and samples are also written for TensorBoard.
    workers : int
        Threads that draw batches ahead.
    cache : float
        Decoded planes to keep in memory, in GB.

    Raises
    ------
    CrispimError
        If a value can't be, or TensorBoard is asked for and not installed.
    """

    devices: int | None = None
    sample_every: int | None = None
    tensorboard: bool = False
    workers: int = min(8, os.cpu_count() or 1)
    cache: float = 1.0

    def __post_init__(self) -> None:
        for name, lowest in (("devices", 1), ("sample_every", 0), ("workers", 1), ("cache", 0)):
            value = getattr(self, name)
            if value is not None and value < lowest:
                option = name.replace("_", "-")
                raise CrispimError(f"--{option} is {value}; it must be {lowest} or more.")
        if self.tensorboard and find_spec("tensorboard") is None:
            raise CrispimError(
                "--tensorboard needs the package tensorboard, which is not installed: run "
                "`pip install crispim-ij[tensorboard]`, or leave the option out."
            )
