"""The whole paper again, on anyone's clean stacks: preprocess, train, evaluate, report."""

from crispim_ij.reproduction.differences import differences_from_paper
from crispim_ij.reproduction.plan import (
    ReproductionPlan,
    ReproductionSettings,
    StackPlan,
    make_plan,
    run_description,
)
from crispim_ij.reproduction.recipes import Cost, Offer, disk_bytes, make_offer, settled_recipes
from crispim_ij.reproduction.run_directory import RunDirectory
from crispim_ij.reproduction.stages import REPORTED, Advance, Reproduction, reproduce
from crispim_ij.reproduction.tables import load_models

__all__ = [
    "REPORTED",
    "Advance",
    "Cost",
    "Offer",
    "Reproduction",
    "ReproductionPlan",
    "ReproductionSettings",
    "RunDirectory",
    "StackPlan",
    "differences_from_paper",
    "disk_bytes",
    "load_models",
    "make_offer",
    "make_plan",
    "reproduce",
    "run_description",
    "settled_recipes",
]
