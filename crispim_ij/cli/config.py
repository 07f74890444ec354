"""Defaults from files: `crispim.toml` near the work, and one of the user's own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
from typer.core import TyperCommand

from crispim_ij.cli.config_values import checked_value
from crispim_ij.cli.console import errors
from crispim_ij.errors import CrispimError, did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAME = "crispim.toml"
_META = "crispim_ij.cli.config"

# What isn't named here must be given on the command line: where results go, what may be replaced,
# which inputs are taken, and what is printed. docs/command-line.md says why.
ANYWHERE = frozenset(
    [
        *("average", "batch", "cache", "camera", "channel", "checkpoint-every", "compression"),
        *("devices", "display", "dtype", "factor", "format", "height", "interpolation"),
        *("learning-rate", "level", "method", "model", "native", "noise", "noise-sd", "offset"),
        *("ome-zarr", "patch", "planes", "precision", "pyramid", "recipe", "rescale"),
        *("sample-every", "seed"),
        *("seed-stack", "shard", "start-from", "steps", "strength", "tensorboard", "tile", "time"),
        *("width", "workers"),
    ]
)
"""Options that any file may set."""

OWN = frozenset({"fiji-home", "heap"})
"""Options that run programs: for the user's own file and one that is named, not for one found."""


@dataclass(frozen=True)
class ConfigFile:
    """A file of defaults.

    Attributes
    ----------
    path : Path
        Where it is.
    chosen : bool
        Whether the user put it there or named it; it may have come with data otherwise.
    """

    path: Path
    chosen: bool


@dataclass(frozen=True)
class Default:
    """An option's default from a file.

    Attributes
    ----------
    value : object
        As the command line takes it.
    path : Path
        The file.
    """

    value: Any
    path: Path


Words = tuple[str, ...]
Defaults = dict[Words, dict[str, Default]]
"""For each command, by its words, defaults by the names of its parameters."""


def users_file() -> Path:
    """Return where the user's own defaults are."""
    return platformdirs.user_config_path("crispim-ij") / NAME


def config_files(named: Path | None) -> list[ConfigFile]:
    """Find the files that hold defaults, the one that wins last.

    Parameters
    ----------
    named : Path or None
        Takes the place of the file in the current folder or the nearest one above.

    Returns
    -------
    list of ConfigFile
        None, one or two.
    """
    own = users_file()
    files = [ConfigFile(own, chosen=True)] if _is_file(own) else []
    if named is not None:
        return [*files, ConfigFile(named, chosen=True)]
    near = _nearest()
    if near is not None and near not in [file.path for file in files]:
        files.append(ConfigFile(near, chosen=False))
    return files


def _nearest() -> Path | None:
    """Look in the current folder, and in one above after another."""
    with suppress(OSError):  # a folder that is gone
        here = Path.cwd()
        return next((f / NAME for f in (here, *here.parents) if _is_file(f / NAME)), None)
    return None


def _is_file(path: Path) -> bool:
    """Tell whether a file is there, as far as one may look."""
    try:
        return path.is_file()
    except OSError:
        return False


def read_defaults(root: Any, files: list[ConfigFile]) -> Defaults:
    """Read defaults and check them against the options that there are.

    Parameters
    ----------
    root : click.Group
        The whole command line.
    files : list of ConfigFile
        From the weakest to the strongest.

    Returns
    -------
    Defaults
        The strongest of each.

    Raises
    ------
    CrispimError
        If a file can't be read, or has a table, key or value that can't be.
    """
    merged: Defaults = {}
    for file in files:
        for words, name, value in _entries(root, _read(file.path), file, ()):
            merged.setdefault(words, {})[name] = Default(value, file.path)
    return merged


def _read(path: Path) -> Mapping[str, Any]:
    """Read a file of TOML."""
    try:
        found: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CrispimError(
            f"'{path}' can't be read as a file of defaults ({error}): mend it, or take it away."
        ) from error
    return found


def _entries(
    group: Any, table: Mapping[str, Any], file: ConfigFile, above: Words
) -> Iterator[tuple[Words, str, Any]]:
    """Yield command, parameter and value of each key in a group's tables."""
    for key, content in table.items():
        words = (*above, key)
        if key not in group.commands:
            raise CrispimError(
                f"'{file.path}' has the table [{'.'.join(words)}], which is no command: "
                f"{did_you_mean(key, group.commands)}"
            )
        if not isinstance(content, Mapping):
            raise CrispimError(
                f"'{file.path}' has a value for '{'.'.join(words)}', which is a command: write the "
                f"table [{'.'.join(words)}] with its options."
            )
        command = group.commands[key]
        if hasattr(command, "commands"):
            yield from _entries(command, content, file, words)
        else:
            yield from _options(command, content, file, words)


def _options(
    command: Any, table: Mapping[str, Any], file: ConfigFile, words: Words
) -> Iterator[tuple[Words, str, Any]]:
    """Yield what a command's table sets."""
    options = options_of(command)
    settable = [name for name in options if name in ANYWHERE | OWN]
    for key, value in table.items():
        where = f"'{key}' in [{'.'.join(words)}]"
        if key not in options:
            raise CrispimError(
                f"'{file.path}' has the key {where}, which is no option there: "
                f"{did_you_mean(key, settable)}"
            )
        if key not in settable:
            raise CrispimError(
                f"'{file.path}' sets {where}, which is for the command line alone: leave it out."
            )
        if key in OWN and not file.chosen:
            raise CrispimError(
                f"'{file.path}' sets {where}, which a file that may have come with data must not: "
                f"set it in '{users_file()}', or name the file by --config."
            )
        parameter = options[key]
        yield words, parameter.name, checked_value(command, parameter, value, where, file.path)


def options_of(command: Any) -> dict[str, Any]:
    """Return a command's options by the names that they have in files."""
    return {
        one.opts[0].removeprefix("--"): one
        for one in command.params
        if one.param_type_name == "option"
    }


def apply_defaults(context: Any, defaults: Defaults) -> None:
    """Let the options have these defaults, in place of those that are built in.

    Parameters
    ----------
    context : click.Context
        Of the whole command line.
    defaults : Defaults
        What files say.
    """
    tree: dict[str, Any] = {}
    for words, values in defaults.items():
        table = tree
        for word in words:
            table = table.setdefault(word, {})
        table.update({name: default.value for name, default in values.items()})
    context.default_map = tree
    context.meta[_META] = defaults


def file_of(context: Any, words: Words, name: str) -> Path | None:
    """Return the file that a parameter's value comes from, None if from none."""
    source = context.get_parameter_source(name)
    if source is None or source.name != "DEFAULT_MAP":
        return None
    found: Path = context.meta[_META][words][name].path
    return found


def words_of(context: Any) -> Words:
    """Return the words of a command, without the program's name."""
    if context.parent is None:
        return ()
    return (*words_of(context.parent), str(context.info_name))


class Command(TyperCommand):
    """A command that says which of its options a file has set."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        set_by: dict[Path, list[str]] = {}
        for name, option in options_of(self).items():
            path = file_of(ctx, words_of(ctx), option.name)
            if path is not None:
                value = ctx.meta[_META][words_of(ctx)][option.name].value
                set_by.setdefault(path, []).append(f"{name} = {json.dumps(value)}")
        for path, options in set_by.items():
            shown = os.path.relpath(path) if path.is_relative_to(Path.cwd()) else path
            errors.print(
                f"Defaults from '{shown}': {', '.join(options)}", soft_wrap=True, markup=False
            )
        return super().invoke(ctx)
