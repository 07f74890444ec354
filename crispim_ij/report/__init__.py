"""Evaluations as a page, tables and figures that can lie beside a paper."""

from crispim_ij.report.content import PAGE, Experiment, Published, Report, report_names
from crispim_ij.report.display import Display, parse_display
from crispim_ij.report.environment import environment
from crispim_ij.report.write import write_report

__all__ = [
    "PAGE",
    "Display",
    "Experiment",
    "Published",
    "Report",
    "environment",
    "parse_display",
    "report_names",
    "write_report",
]
