"""Evaluations as a page, tables and figures that can lie beside a paper."""

from crispim_ij.report.content import Experiment, Published, Report
from crispim_ij.report.display import DISPLAYS, PAPER_RANGE, Display, parse_display
from crispim_ij.report.environment import environment
from crispim_ij.report.names import FIGURES, PAGE, report_names
from crispim_ij.report.write import write_report

__all__ = [
    "DISPLAYS",
    "FIGURES",
    "PAGE",
    "PAPER_RANGE",
    "Display",
    "Experiment",
    "Published",
    "Report",
    "environment",
    "parse_display",
    "report_names",
    "write_report",
]
