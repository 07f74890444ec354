"""The whole paper again, on anyone's clean stacks: preprocess, train, evaluate, report."""

from crispim_ij.reproduction.cost import Cost, Offer, disk_bytes, make_offer
from crispim_ij.reproduction.notes import notes_on
from crispim_ij.reproduction.plan import Plan, StackPlan, make_plan
from crispim_ij.reproduction.recipes import settled_recipes
from crispim_ij.reproduction.run import REPORTED, Advance, Reproduction, reproduce
from crispim_ij.reproduction.settings import ReproductionSettings
from crispim_ij.reproduction.tables import load_models
from crispim_ij.reproduction.workplace import Workplace

__all__ = [
    "REPORTED",
    "Advance",
    "Cost",
    "Offer",
    "Plan",
    "Reproduction",
    "ReproductionSettings",
    "StackPlan",
    "Workplace",
    "disk_bytes",
    "load_models",
    "make_offer",
    "make_plan",
    "notes_on",
    "reproduce",
    "settled_recipes",
]
