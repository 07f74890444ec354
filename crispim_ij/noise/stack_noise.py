"""The noise of a stack: measured or given, once, before anything is denoised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from crispim_ij.errors import CrispimError
from crispim_ij.noise.camera import NO_NOISE, CameraNoise
from crispim_ij.noise.measure import Measurement, channels_of, measure_noise
from crispim_ij.noise.resizing import ADAPT
from crispim_ij.planes.channels import channel_names

if TYPE_CHECKING:
    from crispim_ij.models import SharedNoise
    from crispim_ij.planes import Source

STRENGTHS = (0.5, 2.0)
"""Least and most that noise may be said to be stronger than it is."""


@dataclass(frozen=True)
class NoiseOptions:
    """What the user says of the noise.

    Attributes
    ----------
    given : CameraNoise or None
        The noise, in counts; None has it measured on the stack.
    strength : float
        How much stronger than that it is taken to be: less than 1 leaves some noise in, more
        smooths.

    Raises
    ------
    CrispimError
        If the strength is not within `STRENGTHS`.
    """

    given: CameraNoise | None = None
    strength: float = 1.0

    def __post_init__(self) -> None:
        low, high = STRENGTHS
        if not low <= self.strength <= high:
            raise CrispimError(
                f"The strength {self.strength:g} (--strength) must be from {low:g} to {high:g}: 1 "
                "removes the noise that was measured, less leaves some in, more smooths."
            )

    @property
    def is_default(self) -> bool:
        """Whether all is left to the program."""
        return self == MEASURED


MEASURED = NoiseOptions()
"""All is left to the program."""


@dataclass(frozen=True)
class StackNoise:
    """The noise of a stack.

    Attributes
    ----------
    channels : tuple of CameraNoise
        Of each channel; `NO_NOISE` where it can't be measured.
    strength : float
        See `NoiseOptions`.
    lines : tuple of str
        What was measured, in words, one a channel.
    problems : tuple of str
        Why to mistrust it, a sentence each.
    """

    channels: tuple[CameraNoise, ...]
    strength: float = 1.0
    lines: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        options: NoiseOptions,
        found: Sequence[Measurement],
        channels: Sequence[str] = (),
        *,
        learnt: Sequence[SharedNoise] | None = None,
    ) -> StackNoise:
        """Return what the user says, or else what was measured of each channel, by its name.

        `learnt` is how pixels shared the noise that a model has learnt, which then is told all of
        it, see `Measurement.whole`. It is empty where the model learns from these very planes.
        """
        names = [_named(one.channel, channels) if len(found) > 1 else "" for one in found]
        if options.given is not None:
            doubts = [_doubt(one, options.given, learnt) for one in found]
            problems = tuple(n + d for n, d in zip(names, doubts, strict=True) if d)
            return cls((options.given,), options.strength, problems=problems)
        found = found if learnt is None else [one.of_all() for one in found]
        named = list(zip(names, found, strict=True))
        says = [(name, _problem(one, learnt or ())) for name, one in named]
        return cls(
            channels=tuple(one.noise or NO_NOISE for one in found),
            strength=options.strength,
            lines=tuple(name + one.in_words() for name, one in named),
            problems=tuple(name + problem for name, problem in says if problem),
        )

    def of_planes(self, source: Source) -> list[CameraNoise]:
        """Return what a network is told of each plane of the stack."""
        told = [noise.scaled(self.strength) for noise in self.channels]
        if len(told) == 1:
            return told * len(source)
        return [told[channel] for channel in channels_of(source)]

    def as_record(self) -> dict[str, Any]:
        """Return what a journal keeps, JSON-ready."""
        return {
            "channels": [asdict(noise) for noise in self.channels],
            "strength": self.strength,
            "lines": list(self.lines),
            "problems": list(self.problems),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> StackNoise:
        """Return what `as_record` wrote."""
        return cls(
            tuple(CameraNoise(**noise) for noise in record["channels"]),
            record["strength"],
            tuple(record["lines"]),
            tuple(record["problems"]),
        )


def tell_noise(
    source: Source, options: NoiseOptions, *, learnt: Sequence[SharedNoise] | None = None
) -> StackNoise:
    """Measure the noise of each channel of a stack, for what the user doesn't say; see `of`."""
    return StackNoise.of(
        options, measure_noise(source), channel_names(source.metadata), learnt=learnt
    )


def _named(channel: int, names: Sequence[str]) -> str:
    """Return what is put before a sentence on one of several channels."""
    name = names[channel] if channel < len(names) else ""
    return f"channel {channel + 1} ({name}): " if name else f"channel {channel + 1}: "


def _doubt(found: Measurement, given: CameraNoise, learnt: Sequence[SharedNoise] | None) -> str:
    """Say what the planes tell against the user's word, and against a model's use, or nothing."""
    resized = (found if learnt is None else found.of_all()).resized
    says = [found.doubt(given), *resized, found.unlike(learnt or ())]
    if not any(resized) and found.noise is not None and found.is_correlated and learnt is None:
        says.append(f"{found.problem} The model knows no such noise: {ADAPT}")
    return " ".join(one for one in says if one)


def _problem(found: Measurement, learnt: Sequence[SharedNoise]) -> str:
    """Say why to mistrust what was measured or what a model makes of it, or nothing."""
    unlike = found.unlike(learnt)
    problem = f"{found.problem} {_consequence(found)}" if found.problem else ""
    if unlike and not found.resized[1]:
        return unlike
    return " ".join(one for one in (problem, unlike) if one)


def _consequence(found: Measurement) -> str:
    """Say what a problem leads to."""
    if found.noise is None:
        return "No noise is known, so the planes stay as they are: tell it with --noise."
    _, leads_to = found.resized
    if leads_to:
        return leads_to
    if found.noise == found.whole:
        return (
            "Fine structure that neighbouring planes don't share can't be told from it, and is "
            "removed too: compare the result with the planes."
        )
    return f"Little of it can be removed: {ADAPT}"
