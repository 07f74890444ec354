"""Options that several commands have, alone or in groups, and what shells complete for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from crispim_ij.errors import CrispimError
from crispim_ij.planes import (
    Compression,
    Selection,
    SinkSettings,
    ZarrSettings,
    parse_channels,
    parse_numbers,
)

if TYPE_CHECKING:
    import numpy as np

    from crispim_ij.cluster import ClusterSettings

_CLUSTER_PANEL = "On many workers (docs/cluster.md)"


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Show Typer the options of a command's groups one by one, and hand the command the groups.

    A group is a parameter whose type is a dataclass. Its fields, which carry `typer.Option` as
    other parameters do, take its place in the help.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {
        name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)
    }
    parameters: list[Parameter] = []
    for name, parameter in signature(command).parameters.items():
        if name in groups:
            options = signature(groups[name], eval_str=True).parameters.values()
            parameters += [option.replace(kind=parameter.kind) for option in options]
        else:
            parameters.append(parameter.replace(annotation=hints[name]))
    shown = Signature(parameters)

    def spread(*arguments: Any, **options: Any) -> None:
        bound = shown.bind(*arguments, **options)
        bound.apply_defaults()
        given = bound.arguments
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        command(**given)

    spread.__module__, spread.__name__ = command.__module__, command.__name__
    spread.__doc__ = command.__doc__
    spread.__dict__["__signature__"] = shown
    spread.__annotations__ = {one.name: one.annotation for one in parameters}
    return spread


def model_names(incomplete: str) -> list[str]:
    """Models that a word may become, for completion in shells."""
    from crispim_ij.models import list_models

    names = [model.folder.name for model in list_models()]
    return [name for name in names if name.startswith(incomplete)]


def recipe_names(incomplete: str) -> list[str]:
    """Recipes that a word may become, for completion in shells."""
    from crispim_ij.training.recipe import list_recipes

    return [name for name in list_recipes() if name.startswith(incomplete)]


Input = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT", help="Folder of TIFF or PNG planes, a TIFF stack, or a .zarr (OME-Zarr)."
    ),
]
TreeInput = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT",
        help="Folder of TIFF or PNG planes, a TIFF stack, a .zarr (OME-Zarr), or a tree of folders "
        "with many of these.",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB",
        help="Of a tree: take the stacks whose path in it fits, or that lie in a folder that does, "
        "such as 'Ex_488*'; may be given several times. [default: all]",
        show_default=False,
    ),
]
Packing = Annotated[Compression, typer.Option(help="Compression of the files written.")]

ModelName = Annotated[
    str,
    typer.Option(
        metavar="MODEL",
        help="Name of a model, or path of a model folder.",
        autocompletion=model_names,
    ),
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="Name of a model, or path of a model folder.",
        autocompletion=model_names,
    ),
]
Tile = Annotated[
    int,
    typer.Option(
        metavar="PX",
        min=1,
        help="Longest side, in px, that the network is given at once. Smaller tiles need "
        "less memory; the result is the same.",
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print the result as one JSON object, for scripts."),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Check and tell what would be done, but write nothing."),
]
ProfileFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Also write where the time went, as JSON; replaced if it is there. "
        "[default: not written]",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there.")]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Continue a run of the same options and input that was stopped or killed.",
    ),
]
Channel = Annotated[
    str | None,
    typer.Option(
        metavar="N|N,N|NAME",
        help="Channels, counted from 1, such as 2 or 1,3, or by the names that `inspect` shows. "
        "[default: all]",
    ),
]
Time = Annotated[
    str | None,
    typer.Option(
        metavar="N|FIRST-LAST",
        help="Time points, counted from 1, such as 5 or 1-10. [default: all]",
    ),
]
Level = Annotated[
    int,
    typer.Option(
        metavar="LEVEL",
        min=0,
        help="Resolution of an OME-Zarr that is read, counted from 0, the full one.",
    ),
]
Shard = Annotated[
    int | None,
    typer.Option(
        metavar="PX",
        help="Side of an OME-Zarr's shards, in px: files of several chunks of 1024 px. "
        "[default: a file for each chunk]",
    ),
]
Pyramid = Annotated[
    bool,
    typer.Option("--pyramid", help="Add resolutions to an OME-Zarr, each half the one before."),
]


class ZarrVersion(StrEnum):
    """Versions of OME-NGFF that can be written."""

    v04 = "0.4"
    v05 = "0.5"


OmeZarr = Annotated[
    ZarrVersion | None,
    typer.Option(help="Version of an OME-Zarr that is written. [default: 0.4; with --shard 0.5]"),
]

Camera = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|GAIN:OFFSET:READ",
        help="Noise of a camera, Poisson-Gaussian, in place of --noise-sd: a file of "
        "`crispim-ij calibrate`, or counts such as 0.5:98:3. To train with, only for recipes whose "
        "network guesses the noise. [default: the noise of --noise-sd]",
        show_default=False,
    ),
]

Noise = Annotated[
    str,
    typer.Option(
        metavar="auto|SD|GAIN:OFFSET:READ",
        help="The noise, for models that are told it. auto: measured on a few planes; or its "
        "standard deviation in counts, such as 35; or a camera's, such as 2.1:98:9.8.",
    ),
]
Strength = Annotated[
    float,
    typer.Option(
        metavar="0.5-2",
        help="Factor by which the noise is taken to be stronger than it is: less than 1 leaves "
        "some noise in, and faint structure with it; more smooths.",
    ),
]

FijiHome = Annotated[
    str | None,
    typer.Option(
        envvar="CRISPIM_FIJI",
        metavar="PATH|ENDPOINT",
        help="Folder of your own Fiji, or a Maven endpoint such as sc.fiji:fiji, to use "
        "instead of the embedded ImageJ. [default: none]",
    ),
]
Heap = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Largest Java heap, such as 2g (GB) or 512m (MB). [default: a quarter of the memory]",
    ),
]


class PrecisionName(StrEnum):
    """Arithmetic that can be chosen."""

    float32 = "float32"
    bfloat16 = "bfloat16"


class ClusterName(StrEnum):
    """Where workers can be started."""

    slurm = "slurm"
    lsf = "lsf"
    pbs = "pbs"
    local = "local"


Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Compute on the workers of a Dask scheduler that is running, such as "
        "tcp://node1:8786. [default: this process computes]",
        rich_help_panel=_CLUSTER_PANEL,
    ),
]
Cluster = Annotated[
    ClusterName | None,
    typer.Option(
        help="Start Dask workers for this run: as jobs of a batch system, as your "
        "~/.config/dask/jobqueue.yaml says, or as processes on this machine. [default: none]",
        rich_help_panel=_CLUSTER_PANEL,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="COUNT",
        min=1,
        help="Worker processes that --cluster starts. [default: 8; for local one a core and "
        "2.5 GB of memory]",
        rich_help_panel=_CLUSTER_PANEL,
    ),
]


SeriesNumber = Annotated[
    int | None,
    typer.Option(
        "--series",
        metavar="N",
        min=1,
        help="Which image of a file that holds several, such as stage positions, counted from 1 as "
        "inspect lists them. [default: the first]",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class SelectionOptions:
    """Which planes are read, of several images, channels, time points or resolutions."""

    channel: Channel = None
    time: Time = None
    level: Level = 0
    series: SeriesNumber = None

    def selection(self) -> Selection:
        """Read the numbers, which begin at 1."""
        return Selection(
            None if self.channel is None else parse_channels(self.channel),
            None if self.time is None else parse_numbers(self.time, "--time"),
            self.level,
            self.series,
        )

    def as_record(self) -> dict[str, str | int | None]:
        """Return the options as a run records them."""
        return {
            "--channel": self.channel,
            "--time": self.time,
            "--level": self.level,
            "--series": self.series,
        }

    def given(self) -> dict[str, str | int]:
        """Return the options that choose anything."""
        return {name: value for name, value in self.as_record().items() if value}


@dataclass(frozen=True)
class OutputOptions:
    """How planes are written, and what becomes of those that are there."""

    ome_zarr: OmeZarr = None
    shard: Shard = None
    pyramid: Pyramid = False
    overwrite: Overwrite = False
    resume: Resume = False

    def sink_settings(
        self, compression: Compression, dtype: np.dtype[Any] | None = None
    ) -> SinkSettings:
        """Gather how planes are written, refusing what contradicts itself."""
        refuse_both(overwrite=self.overwrite, resume=self.resume)
        return SinkSettings(
            compression=compression,
            overwrite=self.overwrite,
            resume=self.resume,
            zarr=ZarrSettings(
                self.ome_zarr.value if self.ome_zarr else None,
                shard=self.shard,
                pyramid=self.pyramid,
            ),
            dtype=dtype,
        )


@dataclass(frozen=True)
class ClusterOptions:
    """Which workers compute, if not this process."""

    scheduler: Scheduler = None
    cluster: Cluster = None

    def settings(self, workers: int | None) -> ClusterSettings | None:
        """Return the workers of a run; None where this process computes."""
        if self.scheduler is None and self.cluster is None:
            return None
        from crispim_ij.cluster import ClusterSettings

        return ClusterSettings(
            self.scheduler, None if self.cluster is None else self.cluster.value, workers
        )


@dataclass(frozen=True)
class ReportOptions:
    """What a run says of itself."""

    dry_run: DryRun = False
    as_json: AsJson = False
    profile: ProfileFile = None


def refuse_two_noises(**given: object) -> None:
    """Refuse more than one origin of noise; options that weren't given are None."""
    options = [f"--{name.replace('_', '-')}" for name, value in given.items() if value]
    if len(options) > 1:
        raise CrispimError(
            f"{' and '.join(options)} contradict each other, since noise comes from one of them: "
            "leave one out."
        )


def refuse_both(*, overwrite: bool, resume: bool) -> None:
    """Refuse to start over and to resume at once."""
    if overwrite and resume:
        raise CrispimError(
            "--overwrite starts over and --resume continues what is there: give one of them."
        )


def parse_noise_sd(text: str) -> tuple[float, float]:
    """Read the lowest and the highest standard deviation of ``30`` or ``30:40``, in counts."""
    parts = text.split(":")
    try:
        values = [float(part) for part in parts]
    except ValueError:
        values = []
    if len(values) not in (1, 2):
        raise CrispimError(
            f"The noise {text!r} (--noise-sd) is neither a number nor a range: write for example "
            "30 or 30:40."
        )
    return values[0], values[-1]
