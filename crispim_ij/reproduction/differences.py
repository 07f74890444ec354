"""In what a run differs from the paper: what a reader of the report must know first."""

from __future__ import annotations

import math
from collections.abc import Mapping

from crispim_ij.evaluation.metrics import PUBLISHED_RANGE
from crispim_ij.reproduction.plan import (
    PAPER_FACTOR,
    PAPER_PATCH,
    PAPER_PLANES,
    ReproductionPlan,
    ReproductionSettings,
    StackPlan,
)
from crispim_ij.reproduction.recipes import NETWORKS, changes_of
from crispim_ij.reproduction.tables import TABLES, planes_tested
from crispim_ij.training import Recipe


def differences_from_paper(
    plan: ReproductionPlan, settings: ReproductionSettings, recipes: Mapping[str, Recipe]
) -> list[str]:
    """Say in what a run differs from the paper, and what that means, in a sentence or two each."""
    said = [*_on_recipes(settings, recipes), _on_test(plan), _on_truth(plan)]
    said += [_on_stack(stack) for stack in (*plan.training, plan.test)]
    said += _on_patches(plan)
    if plan.training[1:] == ():
        said.append("One stack was trained on, so all training noise has one strength.")
    return said


def _on_recipes(settings: ReproductionSettings, recipes: Mapping[str, Recipe]) -> list[str]:
    """Say what was changed in the paper's recipes."""
    said = []
    if settings.quick:
        said.append(
            "This is a quick run: its networks saw far less than the paper's, the 3D network "
            "least of all, so their figures don't say what the paper's own recipes reach, which "
            "are trained without --quick."
        )
    for name in NETWORKS:
        changes = [
            f"{change.key} {change.here} instead of {change.paper}"
            for change in changes_of(recipes[name])
        ]
        if changes:
            said.append(f"Changed in the paper's recipe {name}: {', '.join(changes)}.")
    return said


def _on_test(plan: ReproductionPlan) -> str:
    """Say what was tested on, and why on that."""
    tested = [
        f"{table.name} is over {planes_tested(plan, table.name)} random planes of "
        f"{plan.test_planes(table.name).start} to {plan.test_planes(table.name).stop - 1}"
        for table in TABLES
    ]
    return (
        f"Tested on {plan.test.name}, {plan.why_test}; no network trained here has seen it. "
        f"{'; '.join(tested)} (counted from 0)."
    )


def _on_truth(plan: ReproductionPlan) -> str:
    """Say how good a method can look at most."""
    noise = plan.test.own_noise
    ceiling = 20 * math.log10(PUBLISHED_RANGE / noise) if noise > 0 else math.inf
    return (
        f"The test stack's clean planes have noise of their own, of sd {noise:.1f} counts by "
        f"estimate, so a perfect method would reach about {ceiling:.1f} dB."
    )


def _on_stack(stack: StackPlan) -> str:
    """Say what was done with a stack."""
    high = stack.preprocess.noise_sd[1]
    role = f"trained on with noise of sd {high:g}" if high else "tested on"
    rows, columns = stack.size
    factor = stack.preprocess.factor
    shrunk = f"downsampled {factor:g} times" if factor != 1 else "not downsampled"
    unlike = "" if factor == PAPER_FACTOR else f" (the paper: {PAPER_FACTOR:g} times)"
    counts = "counts as they are"
    if stack.count_map:
        counts = (
            f"counts mapped to {stack.count_map.offset:.4g} + {stack.count_map.scale:.4g} x count, "
            f"so that the 1st and 99th percentiles {stack.statistics.low:g} and "
            f"{stack.statistics.high:g} become 100 and 500"
        )
    return (
        f"{stack.name}: {role}; {stack.shape[0]} planes, {shrunk}{unlike} to {columns} x {rows} "
        f"px; {counts}; its own noise is about {stack.own_noise:.1f} counts."
    )


def _on_patches(plan: ReproductionPlan) -> list[str]:
    """Say where planes are too small for the paper's patches."""
    said = []
    if plan.patch < PAPER_PATCH:
        said.append(
            f"The smallest training stack allows patches of {plan.patch} px, not {PAPER_PATCH}."
        )
    top, left, side = plan.window
    if side < PAPER_PATCH:
        said.append(
            f"Tested is the {side} px square at the bottom right of each plane (x from {left}, y "
            f"from {top}); the paper's has {PAPER_PATCH} px."
        )
    if any(planes_tested(plan, table.name) < PAPER_PLANES for table in TABLES):
        said.append(f"The test stack is too short for {PAPER_PLANES} planes and one to tune on.")
    return said
