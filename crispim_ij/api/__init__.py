"""Denoise, adapt, preprocess, train and evaluate from Python.

Options have the names, the meaning and the defaults that they have on the command line.
Faults that you can mend raise `crispim_ij.errors.CrispimError` with a sentence that says how.
"""

from crispim_ij.api._adapt import adapt
from crispim_ij.api._denoise import denoise
from crispim_ij.api._evaluate import evaluate
from crispim_ij.api._models import load_model
from crispim_ij.api._preprocess import preprocess
from crispim_ij.api._train import train
from crispim_ij.evaluation import Evaluation
from crispim_ij.models import Model
from crispim_ij.training import Adapted

__all__ = [
    "Adapted",
    "Evaluation",
    "Model",
    "adapt",
    "denoise",
    "evaluate",
    "load_model",
    "preprocess",
    "train",
]
