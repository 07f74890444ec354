"""`crispim-ij --show-config`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from crispim_ij.cli.config import ANYWHERE, OWN, ConfigFile, file_of, options_of, users_file


def shown_config(context: Any, files: list[ConfigFile]) -> Iterator[str]:
    """Show every option's default and where it is from, itself a file of defaults.

    Parameters
    ----------
    context : click.Context
        Of the whole command line, with its defaults.
    files : list of ConfigFile
        The files that were read.

    Yields
    ------
    str
        A line.
    """
    yield f"# your own file: {users_file()}"
    yield f"# files read: {', '.join(str(file.path) for file in files) or 'none'}"
    yield from _group(context.command, context, ())


def _group(group: Any, context: Any, above: tuple[str, ...]) -> Iterator[str]:
    """Show the commands of a group."""
    for name, command in group.commands.items():
        words = (*above, name)
        own = command.make_context(name, [], parent=context, resilient_parsing=True)
        if hasattr(command, "commands"):
            yield from _group(command, own, words)
            continue
        yield ""
        yield f"[{'.'.join(words)}]"
        for key, option in options_of(command).items():
            yield _line(own, words, key, option)


def _line(context: Any, words: tuple[str, ...], key: str, option: Any) -> str:
    """Show an option; what a file can't set, or nothing sets, is a comment."""
    value = context.params[option.name]
    if key not in ANYWHERE | OWN:
        return f"# {key}: for the command line alone"
    if value in (None, [], ()):
        return f"# {key}: not set"
    return f"{key} = {json.dumps(_plain(value))}  # {_origin(context, words, option)}"


def _plain(value: Any) -> Any:
    """Return a value as a file would hold it."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def _origin(context: Any, words: tuple[str, ...], option: Any) -> str:
    """Say where a value comes from."""
    file = file_of(context, words, option.name)
    if file is not None:
        return str(file)
    source = context.get_parameter_source(option.name)
    if source is not None and source.name == "ENVIRONMENT":
        return f"environment variable {option.envvar}"
    return "built in"
