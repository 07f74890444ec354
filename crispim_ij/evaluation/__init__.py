"""How good a denoiser is: methods, metrics and statistics."""

from crispim_ij.evaluation.classics import BASELINES, CLASSICS, NON_BLIND, WITHOUT_NETWORK
from crispim_ij.evaluation.doubts import doubts
from crispim_ij.evaluation.evaluate import Evaluated, Evaluation, evaluate, measure
from crispim_ij.evaluation.inputs import EvaluationSettings, Given, NoiseSettings, noisy_plane
from crispim_ij.evaluation.methods import Method, default_methods, find_method, find_methods, tune
from crispim_ij.evaluation.metrics import Bias, PlaneMetrics
from crispim_ij.evaluation.ranking import (
    Ranked,
    default_ranked,
    doubt_ranking,
    rank_methods,
    render_ranking,
)
from crispim_ij.evaluation.statistics import (
    MethodBias,
    Paired,
    Summary,
    compare_methods,
    render_table,
    summarise,
    summarise_bias,
)

__all__ = [
    "BASELINES",
    "CLASSICS",
    "NON_BLIND",
    "WITHOUT_NETWORK",
    "Bias",
    "Evaluated",
    "Evaluation",
    "EvaluationSettings",
    "Given",
    "Method",
    "MethodBias",
    "NoiseSettings",
    "Paired",
    "PlaneMetrics",
    "Ranked",
    "Summary",
    "compare_methods",
    "default_methods",
    "default_ranked",
    "doubt_ranking",
    "doubts",
    "evaluate",
    "find_method",
    "find_methods",
    "measure",
    "noisy_plane",
    "rank_methods",
    "render_ranking",
    "render_table",
    "summarise",
    "summarise_bias",
    "tune",
]
