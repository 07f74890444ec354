"""A training recipe: everything that decides what a training run does, but for the data.

Recipes ship with the package, are a user's own TOML file, or lie as recipe.json beside a model.
"""

from __future__ import annotations

import json
import tomllib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from crispim_ij.errors import CrispimError, closest
from crispim_ij.networks import ARCHITECTURES
from crispim_ij.networks.architectures import Precision
from crispim_ij.noise import CameraRange, read_range

RENAMED = MappingProxyType({"average": "ema_momentum", "keep": "checkpoint_policy"})
"""Keys by the names that they had before, and by those of now."""


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
        Side of a patch in px, a multiple of the network's stride.
    crop : {'random', 'top-left'}
        Where in a plane a patch is cut. Random patches are also flipped and turned.
    end_planes : int
        Planes left out at both ends of each stack; at most a quarter of it.
    noise_sd : tuple of float
        Smallest and largest standard deviation, in counts, of the Gaussian noise that
        is drawn for each patch. Unused where a camera or noisy planes are given. For an
        architecture that is told the noise, in units of what it is told: (0.9, 1.1) makes it
        tolerate measures that are a tenth off.
    camera : CameraRange or None
        Draws the noise of a camera instead, Poisson-Gaussian (see docs/noise.md); each
        patch draws its own camera from the range. None draws Gaussian noise.
    contrast : tuple of float or None
        Each patch is rescaled so that the span of its stack (1st to 95th percentile)
        becomes a value drawn, uniformly in its logarithm, from this range, in counts;
        its black level is drawn from 0 to 300 counts. None takes counts as they are.
        For an architecture that is told the noise, the span is in units of the noise.
    own_noise : float
        Most noise of its own, in units of what is drawn, that a stack may have in a patch: the
        contrast of noisy stacks is kept low. For architectures that are told the noise.
    shot_share : float
        Share of the patches whose noise grows with light, as a camera's does; for
        architectures that are told the noise.
    bright_share : float
        Share of the patches that get a spot far brighter than all else; for architectures
        that are told the noise.
    recorruption : float
        How strong the noise is, as a multiple of the planes' own, that is added to noisy
        planes to learn from them alone (see `crispim_ij.noise.risk.recorrupt`). 0 learns from
        clean planes.
    zoom : tuple of float
        Each patch is cut larger or smaller and brought to its size, so that structures
        grow by a factor drawn, uniformly in its logarithm, from this range. (1, 1)
        leaves them.
    plane_gap : int
        Farthest that neighbours in a mini-stack lie apart, in planes of the stack; each
        mini-stack draws its own distance, 1 in half of the cases.
    stray_share : float
        Share of the mini-stacks in which a neighbouring plane, or all of them, lie elsewhere in Y
        and X, so that a plane that doesn't fit does no harm.
    loss : {'mse', 'rmse', 'log-mse'}
        Mean squared error; the mean over patches of its root; or of its logarithm, which is
        what mean PSNR goes by: a bright patch counts no more than a dark one.
    optimizer : {'adam', 'muon'}
        'muon' makes the steps of kernels orthogonal: it needs about half of Adam's.
    learning_rate : float
        Peak learning rate.
    schedule : {'constant', 'cosine'}
        'cosine' warms up over a fortieth of the steps, then falls to a thousandth.
    ema_momentum : float
        Momentum of the exponential moving average of the weights, which becomes the
        model; 0 takes the weights themselves.
    checkpoint_policy : {'last', 'best'}
        Whether the model is that of the last step, or of the lowest validation loss.
    patience : int
        Validations without a lower loss after which the run ends early; 0 never.
    validation_share : float
        Share of each stack, its last planes, that is kept from training to validate
        on; for a blind recipe planes from all over it, or the lowest rows where there are too
        few. 0 validates on other patches of the training planes.
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

    Raises
    ------
    CrispimError
        If a value can't be; the message names the key and what is allowed.
    """

    name: str
    architecture: str
    steps: int
    batch: int
    patch: int
    crop: Literal["random", "top-left"] = "random"
    end_planes: int = 0
    noise_sd: tuple[float, float] = (30.0, 40.0)
    camera: CameraRange | None = None
    contrast: tuple[float, float] | None = None
    own_noise: float = 0.2
    shot_share: float = 0.0
    bright_share: float = 0.0
    recorruption: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    plane_gap: int = 1
    stray_share: float = 0.0
    loss: Literal["mse", "rmse", "log-mse"] = "mse"
    optimizer: Literal["adam", "muon"] = "adam"
    learning_rate: float = 1e-3
    schedule: Literal["constant", "cosine"] = "cosine"
    ema_momentum: float = 0.0
    checkpoint_policy: Literal["last", "best"] = "last"
    patience: int = 0
    validation_share: float = 0.1
    validation_batch: int = 32
    validate_every: int = 50
    checkpoint_every: int = 200
    precision: Precision = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        for key, rule in RULES.items():
            value = getattr(self, key)
            if not rule.allows(value):
                self._refuse(key, value, rule.allowed)
        stride = ARCHITECTURES[self.architecture].stride
        if self.patch % stride:
            self._refuse("patch", self.patch, f"a multiple of {stride}, the network's stride")
        # A camera's counts mean something only on planes as they are.
        if self.camera is not None and self.contrast is not None:
            self._refuse("contrast", self.contrast, "left out where a camera is given")
        if self.is_told and self.contrast is None and not self.is_blind:
            self._refuse("contrast", None, "given, in units of the noise")
        if self.is_blind:
            for key, value in _BLIND.items():
                if getattr(self, key) != value:
                    allowed = f"{_in_words(value)} where recorruption is above 0"
                    self._refuse(key, getattr(self, key), allowed)

    @property
    def is_blind(self) -> bool:
        """Whether it learns from noisy planes alone."""
        return self.recorruption > 0

    @property
    def is_told(self) -> bool:
        """Whether the network is told the noise, and trained in units of it."""
        return ARCHITECTURES[self.architecture].input_scaling == "noise"

    @property
    def unit(self) -> str:
        """What errors are counted in."""
        return "of the noise" if self.is_told else "counts"

    def _refuse(self, key: str, value: Any, allowed: str) -> None:
        raise CrispimError(f"{key} is {value!r} in recipe {self.name!r}; it must be {allowed}.")


# Planes are taken as they are, since rescaling would change their noise; and noise of the
# target drops out of the mean squared error alone.
_BLIND: Mapping[str, Any] = {"camera": None, "contrast": None, "zoom": (1.0, 1.0), "loss": "mse"}


def _in_words(value: Any) -> str:
    return "left out" if value is None else repr(value)


@dataclass(frozen=True)
class Rule:
    """What a value of a recipe has to be: as a function, and in words."""

    allows: Callable[[Any], bool]
    allowed: str


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or _is_whole(value)


def _is_range(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(map(_is_number, value))


def _whole_from(lowest: int) -> Rule:
    return Rule(lambda v: _is_whole(v) and v >= lowest, f"a whole number from {lowest} up")


def _one_of(*choices: str) -> Rule:
    return Rule(lambda v: isinstance(v, str) and v in choices, f"one of {', '.join(choices)}")


_SHARE = Rule(lambda v: _is_number(v) and 0 <= v <= 1, "a number from 0 to 1")

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "name": Rule(lambda v: isinstance(v, str) and bool(v), "a text"),
        "architecture": _one_of(*ARCHITECTURES),
        "steps": _whole_from(1),
        "batch": _whole_from(1),
        "patch": _whole_from(1),
        "crop": _one_of("random", "top-left"),
        "end_planes": _whole_from(0),
        "noise_sd": Rule(
            lambda v: _is_range(v) and 0 <= v[0] <= v[1], "two numbers from 0 up, the smaller first"
        ),
        "camera": Rule(
            lambda v: v is None or isinstance(v, CameraRange),
            "a table with gain, offset and read_noise, each a number or two of them, the smaller "
            "first; or left out",
        ),
        "contrast": Rule(
            lambda v: v is None or (_is_range(v) and 0 < v[0] <= v[1]),
            "two numbers above 0, the smaller first, or left out",
        ),
        "own_noise": Rule(lambda v: _is_number(v) and v > 0, "a number above 0"),
        "shot_share": _SHARE,
        "bright_share": _SHARE,
        "recorruption": Rule(lambda v: _is_number(v) and v >= 0, "a number from 0 up"),
        "zoom": Rule(
            lambda v: _is_range(v) and 0 < v[0] <= v[1], "two numbers above 0, the smaller first"
        ),
        "plane_gap": _whole_from(1),
        "stray_share": _SHARE,
        "loss": _one_of("mse", "rmse", "log-mse"),
        "optimizer": _one_of("adam", "muon"),
        "learning_rate": Rule(lambda v: _is_number(v) and v > 0, "a number above 0"),
        "schedule": _one_of("constant", "cosine"),
        "ema_momentum": Rule(lambda v: _is_number(v) and 0 <= v < 1, "a number from 0 to below 1"),
        "checkpoint_policy": _one_of("last", "best"),
        "patience": _whole_from(0),
        "validation_share": Rule(
            lambda v: _is_number(v) and 0 <= v < 1, "a number from 0 to below 1"
        ),
        "validation_batch": _whole_from(1),
        "validate_every": _whole_from(1),
        "checkpoint_every": _whole_from(1),
        "precision": _one_of("float32", "bfloat16"),
        "seed": _whole_from(0),
    }
)
"""The rule of each of a recipe's keys."""

_KEYS = {field.name: field for field in fields(Recipe)}


def list_recipes() -> list[str]:
    """Return the names of the recipes that ship, in alphabetical order."""
    folder = files("crispim_ij.training") / "recipes"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir())


def load_recipe(name: str) -> Recipe:
    """Read a recipe that ships, or a file.

    A file is TOML with a key for each of `Recipe`'s attributes that differs from its default, of
    which a FutureWarning says where it has an older name, or the recipe.json of a model folder.
    CrispimError if there is no such recipe, or it has an unknown key or a value that can't be.
    """
    shipped = list_recipes()
    if name in shipped:
        text = (files("crispim_ij.training") / "recipes" / f"{name}.toml").read_text("utf-8")
        return recipe_of(tomllib.loads(text), name)
    path = Path(name)
    if path.suffix not in (".toml", ".json") or not path.is_file():
        near = closest(name, shipped)
        hint = f"; did you mean {near!r}?" if near else ""
        raise CrispimError(
            f"There is no recipe {name!r} (--recipe{hint}): take one of {', '.join(shipped)}, or "
            "give a .toml file, or the recipe.json of a model."
        )
    values = _read(path)
    if path.suffix == ".toml":
        _say_what_is_renamed(values, path)
        if {"camera", "noise_sd"} <= values.keys():
            raise CrispimError(
                f"{path} has both a camera and noise_sd, of which one draws the noise: leave one "
                "out."
            )
    return recipe_of(values, str(path))


def _read(path: Path) -> dict[str, Any]:
    """Return the keys and values of a recipe in a file."""
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, error) from error
    if path.suffix == ".json":
        content = content.get("recipe") if isinstance(content, dict) else None
    if not isinstance(content, dict):
        raise _unreadable(path, "it has no table with a recipe")
    return content


def _unreadable(path: Path, why: object) -> CrispimError:
    return CrispimError(
        f"{path} can't be read as a recipe ({why}): mend it, or take one of "
        f"{', '.join(list_recipes())}."
    )


def _say_what_is_renamed(values: Mapping[str, Any], path: Path) -> None:
    for old, new in RENAMED.items():
        if old in values:
            warnings.warn(
                f"{path} has the key {old!r}, which is called {new!r} now; the next version "
                "won't know the old name.",
                FutureWarning,
                stacklevel=3,
            )


def recipe_of(values: Mapping[str, Any], where: str) -> Recipe:
    """Make a recipe of what was read from TOML or JSON, older names of keys included.

    Neither format has tuples, so lists stand for them. CrispimError, which says `where` the values
    are from, if a key is unknown, missing or given by both of its names, or a value can't be.
    """
    for old, new in RENAMED.items():
        if {old, new} <= values.keys():
            raise CrispimError(f"{where} has both {old!r} and {new!r}: leave {old!r} out.")
    values = {RENAMED.get(key, key): value for key, value in values.items()}
    for key in values:
        if key not in _KEYS:
            near = closest(key, _KEYS)
            meant = f"did you mean {near!r}? " if near else ""
            raise CrispimError(
                f"{where} has the key {key!r}, which no recipe has: {meant}The keys are "
                f"{', '.join(_KEYS)}."
            )
    needed = [key for key, field in _KEYS.items() if field.default is MISSING]
    missing = [key for key in needed if key not in values]
    if missing:
        raise CrispimError(f"{where} lacks the key {missing[0]!r}: a recipe needs it.")
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    if isinstance(given.get("camera"), dict):
        given["camera"] = read_range(given["camera"]) or given["camera"]
    return Recipe(**given)
