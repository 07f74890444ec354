"""Simulated light-sheet volumes of cleared brain: the demo's and the tests' own specimen."""

from crispim_ij.phantom.specimen import PhantomSettings, simulate_planes, simulate_volume

__all__ = ["PhantomSettings", "simulate_planes", "simulate_volume"]
