"""The former place of `checks.check_output`."""

from crispim_ij.planes.checks import check_output

__all__ = ["check_output"]
