"""How good a denoiser is: metrics, baselines, tables and pictures."""

from crispim_ij.evaluation.baselines import BASELINES
from crispim_ij.evaluation.evaluate import (
    Evaluated,
    EvaluationSettings,
    Given,
    Row,
    evaluate,
)
from crispim_ij.evaluation.methods import Method, find_method
from crispim_ij.evaluation.noise import NoiseSettings, noisy_plane
from crispim_ij.evaluation.panels import (
    DISPLAYS,
    best_place,
    display_range,
    parse_display,
    write_panel,
)
from crispim_ij.evaluation.table import Summary, render_table, summarise, write_csv

__all__ = [
    "BASELINES",
    "DISPLAYS",
    "Evaluated",
    "EvaluationSettings",
    "Given",
    "Method",
    "NoiseSettings",
    "Row",
    "Summary",
    "best_place",
    "display_range",
    "evaluate",
    "find_method",
    "noisy_plane",
    "parse_display",
    "render_table",
    "summarise",
    "write_csv",
    "write_panel",
]
