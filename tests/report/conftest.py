from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from crispim_ij.evaluation import (
    Evaluated,
    Evaluation,
    EvaluationSettings,
    Method,
    compare_methods,
    evaluate,
    find_method,
    summarise_bias,
)
from crispim_ij.phantom import PhantomSettings, simulate_volume
from crispim_ij.planes import open_source
from crispim_ij.report import Experiment, Published, Report, write_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = "<script>window.hacked = 1</script>\"'&"
"""A method's name that a page must not run."""


def half(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Denoise half-heartedly."""
    return 0.5 * (plane + np.asarray(find_method("tv").denoise(plane), np.float64))


@pytest.fixture(scope="session")
def planes(tmp_path_factory: pytest.TempPathFactory) -> list[Evaluated]:
    """Six planes with what four methods made of them."""
    path = tmp_path_factory.mktemp("clean") / "clean.tif"
    volume = simulate_volume(PhantomSettings(shape=(6, 48, 64), seed=1))
    tifffile.imwrite(path, volume, imagej=True)
    methods = [*map(find_method, ("noisy", "tv", "cv2")), Method(HOSTILE, half)]
    with open_source(path) as source:
        return list(evaluate(source, methods, EvaluationSettings()))


def experiment_of(planes: list[Evaluated], title: str, **more: object) -> Experiment:
    """Put planes together as one test."""
    rows = [row for plane in planes for row in plane.rows]
    biases = summarise_bias([plane.biases for plane in planes])
    evaluation = Evaluation(rows, compare_methods(rows), biases, planes[:2])
    return Experiment(title, evaluation, **more)


@pytest.fixture(scope="session")
def report(planes: list[Evaluated]) -> Report:
    """A report of two tests, the first with figures of a paper."""
    published = {"tv": Published(69.629, 0.9998, 0.9718), "cv2": Published(60.35, 0.9983, 0.7416)}
    figures = ("Figure 3", "Figure 4")
    first = experiment_of(planes, "Table 1: classics", published=published, figures=figures)
    second = experiment_of(planes, "Table 2: <b>again</b>")
    recipes = {"net <i>": {"recipe": {"batch": 16, "data": [{"clean": "a<b>.tif"}]}}}
    return Report(
        "A & <b>", "crispim-ij x --y '<z>'", ["--quick: <u>"], [first, second], recipes, 75
    )


@pytest.fixture(scope="session")
def folder(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report."""
    folder = tmp_path_factory.mktemp("report")
    write_report(report, folder)
    return folder


def with_evaluation(one: Experiment, **changes: object) -> Experiment:
    """Change what was measured in a test."""
    return replace(one, evaluation=replace(one.evaluation, **changes))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a screen; in CI it must be there."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        message = "no Chromium is installed (Debian's package: chromium)"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Its sandbox can't be had by root, as tests in containers are.
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()
