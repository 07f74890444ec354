"""`--profile` of `crispim-ij denoise` and `preprocess`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from crispim_ij.cli.version import versions
from crispim_ij.errors import CrispimError
from crispim_ij.plain import plain
from crispim_ij.planes.atomic import write_json
from crispim_ij.planes.checks import check_output
from crispim_ij.profiling import Profile, peak_memory


def check_profile(path: Path | None, source: Path, *, on_workers: bool) -> None:
    """Refuse a profile that can't be measured or written."""
    if path is None:
        return
    if on_workers:
        raise CrispimError(
            "--profile measures this process, and --scheduler and --cluster compute in others: "
            "watch those on the Dask dashboard, and leave --profile out."
        )
    check_output(path, None, source, overwrite=True)


def write_profile(
    path: Path, profile: Profile, planes: int, facts: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    """Write where the time of a run went.

    Parameters
    ----------
    path : Path
        JSON to write; replaced if it is there.
    profile : Profile
        The times.
    planes : int
        Planes that this run made, without those that were there.
    facts : mapping
        Input and outputs, see `crispim_ij.jobs.output`.
    options : mapping
        What the run was told.
    """
    pixels = planes * facts["input"]["rows"] * facts["input"]["columns"]
    content = {
        **{f"{name} (s)": seconds for name, seconds in asdict(profile).items()},
        "planes": planes,
        "pixels read": pixels,
        "planes a second": planes / profile.wall,
        "megapixels a second": pixels / 1e6 / profile.wall,
        "peak memory (bytes)": peak_memory(),
        **facts,
        "options": options,
        "versions": versions(),
    }
    write_json(plain(content), path)
