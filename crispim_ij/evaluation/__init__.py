"""How good a denoiser is: metrics, baselines and tables."""

from crispim_ij.evaluation.baselines import BASELINES
from crispim_ij.evaluation.bias import Bias, MethodBias, summarise_bias
from crispim_ij.evaluation.classics import CLASSICS
from crispim_ij.evaluation.evaluate import (
    Evaluated,
    EvaluationSettings,
    Given,
    Row,
    evaluate,
)
from crispim_ij.evaluation.methods import WITHOUT_NETWORK, Method, find_method
from crispim_ij.evaluation.noise import NoiseSettings, noisy_plane
from crispim_ij.evaluation.statistics import Paired, compare_methods
from crispim_ij.evaluation.table import Summary, render_table, summarise, write_csv
from crispim_ij.evaluation.told import TOLD
from crispim_ij.evaluation.tuning import tune

__all__ = [
    "BASELINES",
    "CLASSICS",
    "TOLD",
    "WITHOUT_NETWORK",
    "Bias",
    "Evaluated",
    "EvaluationSettings",
    "Given",
    "Method",
    "MethodBias",
    "NoiseSettings",
    "Paired",
    "Row",
    "Summary",
    "compare_methods",
    "evaluate",
    "find_method",
    "noisy_plane",
    "render_table",
    "summarise",
    "summarise_bias",
    "tune",
    "write_csv",
]
