"""What goes into an exported network and comes out: counts, or values in units of the noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from crispim_ij.denoising.denoiser import check_options
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, ModelSpec
from crispim_ij.noise import CameraNoise, NoiseOptions, camera_as_text
from crispim_ij.noise.stabilise import restored, stabilised

if TYPE_CHECKING:
    import keras

    from crispim_ij.networks.architectures import Padding, Precision


@dataclass(frozen=True)
class ToldModel(Model):
    """A model that was told the noise, in counts, once and for all, so that it takes counts."""

    noise: CameraNoise

    def network(
        self, *, precision: Precision = "float32", padding: Padding = "same"
    ) -> keras.Model:
        """Build the network with the transform of counts and its inverse around it."""
        import keras

        network = super().network(precision=precision, padding=padding)
        counts = keras.Input(network.inputs[0].shape[1:], dtype="float32")
        values = network(stabilised(counts, self.noise, keras.ops))
        return keras.Model(counts, restored(values, self.noise, keras.ops))


@dataclass(frozen=True)
class Units:
    """What an exported network takes and gives: in words, and as facts for programs.

    There are no facts for networks that guess the noise.
    """

    says: str
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def are_values(self) -> bool:
        """Whether these are values whose noise has an sd of 1, not counts."""
        return VALUES.facts.items() <= self.facts.items()

    @property
    def are_of_all_noise(self) -> bool:
        """Whether that is the sd of all noise, of which pixels that share it hide some."""
        return "learnt_grain" in self.facts

    @classmethod
    def of(cls, model: Model) -> Units:
        """Return what a model takes and gives when it is exported."""
        if isinstance(model, ToldModel):
            noise = camera_as_text(model.noise)
            return cls(
                f"raw counts in, raw counts out, of the noise {noise} (gain, offset and read "
                "noise in counts)",
                {"noise": noise},
            )
        if not model.spec.takes_noise:
            return COUNTS
        learnt = model.spec.learnt_grain
        return VALUES if learnt is None else _of_all(" ".join(one.as_text() for one in learnt))

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Units:
        """Return the units that a description with `facts` in it is of."""
        if not VALUES.facts.items() <= facts.items():
            return COUNTS
        return _of_all(facts["learnt_grain"]) if "learnt_grain" in facts else VALUES


COUNTS = Units("raw counts in, raw counts out")

VALUES = Units(
    "values whose noise has a standard deviation of 1 in and out, so divide counts by the standard "
    "deviation of their noise before and multiply by it after",
    {"input_scaling": "noise"},
)

ALL_NOISE = (
    "it has learnt how neighbouring pixels share noise, so the standard deviation is that of all "
    "of the noise, not of what is fine"
)


def _of_all(learnt: str) -> Units:
    """Return the units of a model that was adapted to noise that pixels share."""
    return Units(f"{VALUES.says}: {ALL_NOISE}", {**VALUES.facts, "learnt_grain": learnt})


def check_noise(spec: ModelSpec, noise: CameraNoise | None) -> None:
    """Refuse a noise that can't become a part of an exported network."""
    check_options(spec, NoiseOptions(noise))
    if noise is not None and noise.is_none:
        raise CrispimError(
            "A network can't be told that there is no noise (--noise), since it divides by it: "
            "give its standard deviation in counts, such as 35."
        )


def with_noise(model: Model, noise: CameraNoise | None) -> Model:
    """Tell a model the noise of all that it will be given; None leaves it as it is."""
    check_noise(model.spec, noise)
    if noise is None:
        return model
    return ToldModel(model.folder, replace(model.spec, input_scaling="none"), noise)
