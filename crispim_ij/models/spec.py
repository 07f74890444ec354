"""What `model.json` says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from crispim_ij.errors import CrispimError
from crispim_ij.networks import ARCHITECTURES, ReceptiveField

FORMAT = 1
SPEC_FILE = "model.json"
MOST_PIXELS = 4096
"""Farthest that a network may see, and largest pooling cell, in px."""

_ALIKE = 0.2  # correlation: less is hardly noticed, and planes without neighbours tell it badly
_ALIKE_PERIODS = 1.05
_MOST_BYTES = 2**24
_TYPES = {"str": str, "int": int, "dict[str, Any]": dict}


@dataclass(frozen=True)
class SharedNoise:
    """How pixels share noise, in few figures.

    Attributes
    ----------
    down, right : float
        Correlation of the noise of neighbours along Y, and along X.
    period : float or None
        Distance, in px, at which noise is as strong again, where planes were resized.
    """

    down: float = 0.0
    right: float = 0.0
    period: float | None = None

    def is_like(self, other: SharedNoise) -> bool:
        """Whether a model that has learnt the one knows the other."""
        if (self.period is None) != (other.period is None):
            return False
        periods = (self.period or 1.0, other.period or 1.0)
        farthest = max(abs(self.down - other.down), abs(self.right - other.right))
        return farthest <= _ALIKE and max(periods) <= _ALIKE_PERIODS * min(periods)

    @classmethod
    def of_record(cls, record: Mapping[str, float]) -> SharedNoise:
        """Read what a training run noted of noisy planes."""
        return cls(record["down"], record["right"], record.get("period"))

    def as_text(self) -> str:
        """Return it as 'DOWN:RIGHT', or 'DOWN:RIGHT:PERIOD', which `from_text` reads."""
        figures = (self.down, self.right) + ((self.period,) if self.period else ())
        return ":".join(f"{one:.3g}" for one in figures)

    @classmethod
    def from_text(cls, text: str) -> SharedNoise:
        """Read what `as_text` wrote."""
        down, right, *period = map(float, text.split(":"))
        return cls(down, right, period[0] if period else None)

    def __str__(self) -> str:
        """Say it in words, after 'noise'."""
        again = f", and is stronger again every {self.period:.2g} px" if self.period else ""
        return f"correlates by {self.down:.2f} down and {self.right:.2f} right{again}"


@dataclass(frozen=True)
class ModelSpec:
    """Description of a model, saved beside its weights.

    Attributes
    ----------
    name : str
        The model's name.
    architecture : str
        A key of ``crispim_ij.networks.ARCHITECTURES``.
    axes : str
        Axes of one network input: 'YXC' or 'ZYXC'.
    input_scaling : str
        What must be done to counts before they go in, and undone after: 'none', or 'noise'
        where they are stabilised to noise of sd 1 (see ``crispim_ij.noise.stabilise``).
    receptive_field : int
        Radius in px beyond which an input pixel can't change an output pixel.
    stride : int
        Side of the coarsest pooling cell in px.
    parameters : int
        Number of weights.
    sha256 : str
        Hash of the weights file.
    provenance : dict
        Where the weights come from: the recipe, data and versions of a training
        run, or the file that was imported.
    format : int
        Version of this description.
    """

    name: str
    architecture: str
    axes: str
    receptive_field: int
    stride: int
    parameters: int
    sha256: str
    input_scaling: str = "none"
    provenance: dict[str, Any] = field(default_factory=dict, repr=False)
    format: int = FORMAT

    @property
    def depth(self) -> int:
        """Planes that go in for the one that comes out."""
        return ARCHITECTURES[self.architecture].depth

    @property
    def takes_noise(self) -> bool:
        """Whether the network must be told the noise."""
        return self.input_scaling == "noise"

    @property
    def learnt_grain(self) -> tuple[SharedNoise, ...] | None:
        """How pixels shared the noise of the planes that it has learnt from, or None."""
        data = self.provenance.get("data")
        stacks = data if isinstance(data, list) else []
        grains = [
            stack["grain"] for stack in stacks if isinstance(stack, dict) and "grain" in stack
        ]
        return tuple(map(SharedNoise.of_record, grains)) or None

    @property
    def halo(self) -> int:
        """Margin in px, on the pooling grid, that makes tiles exact."""
        return ReceptiveField(self.receptive_field, self.stride).halo

    def write(self, folder: Path) -> None:
        """Write `model.json` into `folder`."""
        text = json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False)
        (folder / SPEC_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> ModelSpec:
        """Read `model.json`; CrispimError where it is missing, broken or of a newer kind."""
        path = folder / SPEC_FILE
        try:
            with path.open("rb") as file:
                values = json.loads(file.read(_MOST_BYTES))
        except FileNotFoundError:
            raise CrispimError(
                f"{folder} is not a model folder: it has no {SPEC_FILE}; "
                "`crispim-ij models list` shows the models there are."
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise CrispimError(
                f"{path} can't be read as a model description ({error}); "
                "restore the file or import the model again."
            ) from error
        return cls._checked(values, path)

    @classmethod
    def _checked(cls, values: Any, path: Path) -> ModelSpec:
        known = {f.name: f for f in fields(cls)}
        if not isinstance(values, dict) or not set(known) >= set(values):
            raise CrispimError(
                f"{path} has entries that this version doesn't know; update crispim-ij."
            )
        needed = [f.name for f in fields(cls) if f.default is f.default_factory is MISSING]
        missing = [name for name in needed if name not in values]
        if missing:
            raise CrispimError(
                f"{path} is incomplete (it lacks {', '.join(missing)}); import or train the model "
                "again."
            )
        spec = cls(**values)
        if not spec._is_sound():
            raise CrispimError(
                f"{path} has entries of the wrong kind or size; import or train the model again."
            )
        known_one = spec.format == FORMAT and spec.architecture in ARCHITECTURES
        if not known_one or spec.input_scaling != ARCHITECTURES[spec.architecture].input_scaling:
            raise CrispimError(
                f"{path} describes a model of format {spec.format} and architecture "
                f"{spec.architecture!r}, which this version can't use; update crispim-ij."
            )
        return spec

    def _is_sound(self) -> bool:
        """Whether all entries are of their types, and pixels such as a network can have."""
        types = all(
            isinstance(value := getattr(self, f.name), _TYPES[str(f.type)])
            and not isinstance(value, bool)
            for f in fields(self)
        )
        return (
            types and 0 <= self.receptive_field <= MOST_PIXELS and 1 <= self.stride <= MOST_PIXELS
        )
