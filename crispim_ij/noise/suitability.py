"""Whether a model suits planes: was trained on such noise, and has the neighbours that it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from crispim_ij.models import Model, ModelSpec, list_models
from crispim_ij.noise.measure import Measurement, channel_stacks, measure_noise
from crispim_ij.noise.pairs import Pair, filled, read_pairs
from crispim_ij.planes import Source

_SLACK = 1.2
"""Factor by which noise may lie beyond what a model was trained on, as the measure errs too."""

_WEAKEST = 0.1
"""Noise of whole counts is stronger: to round them alone adds 0.29."""

_ALIKE = 0.7
"""Likeness of neighbouring planes below which models that look at them may do worse than others:
of stacks of 0.5 (nuclear envelopes) 1 dB, at 0.95 (cells) none to speak of."""

_PAIRS = 4
"""Pairs of neighbouring planes of each channel that are compared."""


def trained_noise(spec: ModelSpec) -> tuple[float, float] | None:
    """Return the smallest and largest sd, in counts, of the noise that a model was trained on.

    None where its recipe says nothing of Gaussian noise, or there is none, and for models that are
    told the noise.
    """
    recipe = spec.provenance.get("recipe")
    if spec.takes_noise:
        return None
    if not isinstance(recipe, dict) or recipe.get("recorruption") or recipe.get("camera"):
        return None
    match recipe.get("noise_sd"):
        case [int() | float() as low, int() | float() as high]:
            return float(low), float(high)
    return None


@dataclass(frozen=True)
class Fit:
    """Whether a model suits, and a sentence on it; None where its training isn't known."""

    fits: bool | None
    says: str


@dataclass(frozen=True)
class Neighbours:
    """What lies above and below the planes of a stack.

    Attributes
    ----------
    slices : int
        How many planes lie above one another.
    likeness : float or None
        Correlation of structure in neighbouring planes, of the channel where it is least. None
        where there are no neighbours, or hardly any structure.
    """

    slices: int
    likeness: float | None = None

    @classmethod
    def of(cls, source: Source) -> Neighbours:
        """Compare a few planes, spread over the stack, with the next ones."""
        channels = channel_stacks(source.metadata, len(source))
        slices = channels[0].shape[1]
        if slices == 1:
            return cls(slices)
        found = [
            [like for pair in read_pairs(source, stacks, _PAIRS) if (like := _likeness(pair))]
            for stacks in channels
        ]
        return cls(slices, min((float(np.median(one)) for one in found if one), default=None))


def _likeness(pair: Pair) -> float | None:
    """Return how alike two planes are, from products that hold no noise.

    That is their covariance, in units of the covariance of each plane's neighbouring pixels. None
    where the latter can't be told from the noise. Where a plane is filled, as in margins, both are
    left out, since all planes have the same edges there.
    """
    assert pair.beside is not None
    both = [np.asarray(one, np.float64) for one in (pair.plane, pair.beside)]
    shown = ~(filled(both[0]) | filled(both[1]))
    if not shown.any():
        return None
    plane, beside = (np.where(shown, one - one[shown].mean(), 0) for one in both)
    next_to = np.count_nonzero(shown[:, 1:] & shown[:, :-1])
    own = [float(np.sum(one[:, 1:] * one[:, :-1]) / max(next_to, 1)) for one in (plane, beside)]
    count = np.count_nonzero(shown)
    doubt = 5 * max(np.sum(plane**2), np.sum(beside**2)) / count**1.5
    if min(own) <= doubt:
        return None
    return float(np.sum(plane * beside) / count / np.sqrt(own[0] * own[1]))


def judge(noise: Measurement, spec: ModelSpec, neighbours: Neighbours | None = None) -> Fit:
    """Compare planes' noise with that which a model was trained on.

    Parameters
    ----------
    noise : Measurement
        Of the planes.
    spec : ModelSpec
        What is known of the model.
    neighbours : Neighbours or None
        What lies above and below the planes; None asks nothing of them.

    Returns
    -------
    Fit
        Whether it suits.
    """
    lacks = _lacks(spec, neighbours, noise)
    if lacks:
        return Fit(False, lacks)
    if spec.takes_noise:
        return _judge_told(noise, spec)
    trained = trained_noise(spec)
    if trained is None:
        return Fit(
            None, f"What noise {spec.name} was trained on is not recorded; look at the pictures."
        )
    low, high = trained
    made_for = f"{spec.name} was trained on sd {low:g} to {high:g} counts"
    if noise.is_correlated:
        return Fit(
            False, f"{made_for}, independent between pixels, but neighbours share noise here."
        )
    if noise.noise is None:
        return Fit(None, f"{made_for}, but noise could not be measured here.")
    typical, bright = noise.at(0.5, 0.99)
    if typical > high * _SLACK:
        return Fit(False, f"{made_for}; this is stronger, and some of it will be left.")
    if typical < _WEAKEST:
        return Fit(
            False,
            f"{made_for}; this is {typical:.2g}, so these are no counts, and the result may be far "
            "off: multiply the planes until they are.",
        )
    if typical < low / _SLACK:
        return Fit(False, f"{made_for}; this is weaker, and faint structure may be smoothed away.")
    if bright > high * _SLACK:
        return Fit(True, f"{made_for}, which fits all but bright parts, where some noise is left.")
    return Fit(True, f"{made_for}, which fits.")


def _lacks(
    spec: ModelSpec, neighbours: Neighbours | None, noise: Measurement | None = None
) -> str | None:
    """Say which neighbours a model lacks; noise that pixels share looks like unlike structure."""
    if spec.depth == 1 or neighbours is None:
        return None
    needs = f"{spec.name} makes a plane of {spec.depth}, but"
    if neighbours.slices == 1:
        return (
            f"{needs} there is one slice, whose copies stand for its neighbours: it may do worse "
            "than a model that looks at one plane."
        )
    is_shared = noise is not None and noise.is_correlated
    if is_shared or neighbours.likeness is None or neighbours.likeness >= _ALIKE:
        return None
    return (
        f"{needs} neighbouring planes are unlike here (correlation "
        f"{max(neighbours.likeness, 0):.2f}): it may do worse than a model that looks at one plane."
    )


def _judge_told(noise: Measurement, spec: ModelSpec) -> Fit:
    """Judge a model that is told the noise: any that pixels don't share fits, or as it learnt."""
    unlike = noise.unlike(spec.learnt_grain or ())
    if unlike:
        return Fit(False, unlike)
    if spec.learnt_grain and noise.whole is not None:
        return Fit(True, f"{spec.name} has learnt how pixels share noise, and is told all of it.")
    if noise.noise is None:
        return Fit(None, f"{spec.name} is told the noise, which could not be measured here.")
    if noise.is_correlated:
        return Fit(
            False,
            f"{spec.name} was trained on noise that is independent between pixels, but neighbours "
            "share noise here.",
        )
    return Fit(True, f"{spec.name} is told the noise, which fits.")


def suitable(
    noise: Measurement, models: Sequence[Model], neighbours: Neighbours | None = None
) -> list[str]:
    """Return the names of the models that suit, in their order; see `judge`."""
    return [model.folder.name for model in models if judge(noise, model.spec, neighbours).fits]


def misfits(
    source: Source,
    model: Model,
    measure: Callable[[], Sequence[Measurement]] | None = None,
) -> list[str]:
    """Say why planes don't suit a model, and which models they suit.

    Nothing is measured where a model is told the noise, or was trained on noise that isn't known,
    and has the neighbours that it needs; `measure` replaces `measure_noise` of the planes.
    """
    asks = trained_noise(model.spec) is not None
    if not asks and model.spec.depth == 1:
        return []
    neighbours = Neighbours.of(source)
    if not asks and not _lacks(model.spec, neighbours):
        return []
    says = []
    for measured in measure() if measure else measure_noise(source):
        fit = judge(measured, model.spec, neighbours)
        if fit.fits is False and (asks or _lacks(model.spec, neighbours, measured)):
            others = ", ".join(suitable(measured, list_models(), neighbours))
            says.append(fit.says + (f" These models fit (--model): {others}." if others else ""))
    return list(dict.fromkeys(says))
