"""Training recipes: everything that decides what a training run does, but for the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from crispim_ij.errors import CrispimError
from crispim_ij.networks.architectures import Precision


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run.

    Attributes
    ----------
    name : str
        The recipe's name.
    architecture : str
        A key of `crispim_ij.networks.ARCHITECTURES`.
    steps : int
        Batches to train on.
    batch : int
        Patches in a training batch.
    patch : int
        Side of a patch in px.
    crop : {'random', 'top-left'}
        Where in a plane a patch is cut. Random patches are also flipped and turned.
    end_planes : int
        Planes left out at both ends of each stack; at most a quarter of it.
    noise_sd : tuple of float
        Smallest and largest standard deviation, in counts, of the Gaussian noise that
        is drawn for each patch. Unused where noisy planes are given.
    contrast : tuple of float or None
        Each patch is rescaled so that the span of its stack (1st to 95th percentile)
        becomes a value drawn, uniformly in its logarithm, from this range, in counts;
        its black level is drawn from 0 to 300 counts. None takes counts as they are.
    learning_rate : float
        Peak learning rate of Adam.
    schedule : {'constant', 'cosine'}
        'cosine' warms up over a fortieth of the steps, then falls to a thousandth.
    validation_share : float
        Share of each stack, its last planes, that is kept from training to validate
        on. 0 validates on other patches of the training planes.
    validation_batch : int
        Patches in a validation batch.
    validate_every : int
        Steps between validations, each a line of the history.
    checkpoint_every : int
        Steps between checkpoints.
    precision : {'float32', 'bfloat16'}
        Arithmetic of the convolutions. Weights stay float32.
    seed : int
        Decides the first weights and every patch.
    """

    name: str
    architecture: str
    steps: int
    batch: int
    patch: int
    crop: Literal["random", "top-left"] = "random"
    end_planes: int = 0
    noise_sd: tuple[float, float] = (30.0, 40.0)
    contrast: tuple[float, float] | None = None
    learning_rate: float = 1e-3
    schedule: Literal["constant", "cosine"] = "cosine"
    validation_share: float = 0.1
    validation_batch: int = 32
    validate_every: int = 50
    checkpoint_every: int = 200
    precision: Precision = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        for key in ("steps", "batch", "patch", "validation_batch", "validate_every"):
            if getattr(self, key) < 1:
                raise CrispimError(f"{key} is {getattr(self, key)}; it must be at least 1.")
        if not 0 <= self.noise_sd[0] <= self.noise_sd[1]:
            raise CrispimError(
                f"noise_sd is {self.noise_sd}; give two values from 0 up, the smaller first."
            )
        if self.learning_rate <= 0:
            raise CrispimError(f"learning_rate is {self.learning_rate}; it must be above 0.")


RECIPES = {
    "paper-2d": Recipe(
        name="paper-2d",
        architecture="paper-2d",
        steps=1000,
        batch=15,
        patch=256,
        crop="top-left",
        end_planes=200,
        learning_rate=1e-4,
        schedule="constant",
        validation_share=0.0,
        validation_batch=1,
        validate_every=1,
    ),
    "crispim-2d": Recipe(
        name="crispim-2d",
        architecture="residual-2d",
        steps=8000,
        batch=16,
        patch=128,
        noise_sd=(5.0, 65.0),
        contrast=(60.0, 900.0),
        precision="bfloat16",
    ),
}
