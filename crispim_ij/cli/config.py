"""Defaults from files, `crispim.toml` near the work and one of the user's own; `--show-config`."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from inspect import unwrap
from pathlib import Path
from typing import Any, get_args, get_type_hints

import platformdirs
from typer.core import TyperCommand

from crispim_ij.cli.console import log
from crispim_ij.cli.usage import UsageError
from crispim_ij.errors import CrispimError, did_you_mean

NAME = "crispim.toml"

# What isn't named here must be given on the command line: where results go, what may be replaced,
# which inputs are taken, and what is printed. docs/command-line.md says why.
ANYWHERE = frozenset(
    [
        *("average", "batch", "cache", "camera", "channel", "checkpoint-every", "compression"),
        *("devices", "display", "dtype", "factor", "format", "height", "interpolation"),
        *("from", "learning-rate", "level", "method", "minutes", "model", "native", "noise"),
        *("noise-sd", "offset", "ome-zarr", "patch", "planes", "precision", "pyramid", "recipe"),
        *("rescale", "sample-every", "seed", "seed-stack", "shard", "start-from", "steps"),
        *("strength", "teacher", "tensorboard", "tile", "time", "width", "workers"),
    ]
)
"""Options that any file may set."""

OWN = frozenset({"fiji-home", "heap"})
"""Options that run programs: for the user's own file and one that is named, not for one found."""

_KINDS: dict[type, tuple[str, tuple[type, ...]]] = {
    bool: ("true or false", (bool,)),
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    Path: ("a path, in quotes", (str,)),
    # A number may stand for what is written as one on the command line, such as noise-sd = 30.
    str: ("a text, in quotes", (str, int, float)),
}
"""What a file must give for an option of each type, in words and as TOML's types."""

_ORIGINS = "crispim_ij.cli.config"
"""Where a context keeps the file of each default, by the command's words and the parameter."""

Words = tuple[str, ...]


@dataclass(frozen=True)
class ConfigFile:
    """A file of defaults; unless the user put it there or named it, it may have come with data."""

    path: Path
    chosen: bool


def users_file() -> Path:
    """Return where the user's own defaults are."""
    return platformdirs.user_config_path("crispim-ij") / NAME


def config_files(named: Path | None) -> list[ConfigFile]:
    """Find the files of defaults, the one that wins last; `named` replaces the nearest one."""
    own, near = users_file(), _nearest() if named is None else None
    files = [ConfigFile(own, chosen=True)] if _is_file(own) else []
    if named is not None:
        files.append(ConfigFile(named, chosen=True))
    elif near is not None and (near != own or not files):
        files.append(ConfigFile(near, chosen=False))
    return files


def _nearest() -> Path | None:
    """Look in the current folder, and in one above after another."""
    with suppress(OSError):  # the current folder was removed
        here = Path.cwd()
        return next((f / NAME for f in (here, *here.parents) if _is_file(f / NAME)), None)
    return None


def _is_file(path: Path) -> bool:
    """Tell whether a file is there, as far as one may look."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises where one may not look


def apply_defaults(context: Any, files: Sequence[ConfigFile]) -> None:
    """Let options have the defaults of files, the last of which wins, instead of built-in ones."""
    context.default_map = {}
    origins: dict[Words, Path] = {}
    for file in files:
        for words, name, value in _tables(context.command, _read(file.path), file, ()):
            table = context.default_map
            for word in words:
                table = table.setdefault(word, {})
            table[name] = value
            origins[*words, name] = file.path
    context.meta[_ORIGINS] = origins


def _read(path: Path) -> Mapping[str, Any]:
    """Read a file of TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CrispimError(
            f"'{path}' can't be read as a file of defaults ({error}): mend it, or remove it."
        ) from error


def _tables(
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
        walk = _tables if hasattr(command, "commands") else _keys
        yield from walk(command, content, file, words)


def _keys(
    command: Any, table: Mapping[str, Any], file: ConfigFile, words: Words
) -> Iterator[tuple[Words, str, Any]]:
    """Yield what a command's table sets."""
    options = options_of(command)
    for key, value in table.items():
        where = f"'{key}' in [{'.'.join(words)}]"
        if key not in options:
            raise CrispimError(
                f"'{file.path}' has the key {where}, which is no option there: "
                f"{did_you_mean(key, [name for name in options if name in ANYWHERE | OWN])}"
            )
        if key not in ANYWHERE | OWN:
            raise CrispimError(
                f"'{file.path}' sets {where}, which is for the command line alone: leave it out."
            )
        if key in OWN and not file.chosen:
            raise CrispimError(
                f"'{file.path}' sets {where}, which a file that may have come with data must not: "
                f"set it in '{users_file()}', or name the file by --config."
            )
        wrong = f"'{file.path}' has {value!r} for {where}"
        yield words, options[key].name, _checked(command, options[key], value, wrong)


def _checked(command: Any, option: Any, value: Any, wrong: str) -> Any:
    """Return a value as the command line takes it, or refuse one of another type or range."""
    kind = get_type_hints(unwrap(command.callback))[option.name]
    while get_args(kind):  # that of one value, in `list[...]` and without `| None`
        kind = next(one for one in get_args(kind) if one is not type(None))
    wanted, fits = _rule(kind)
    values = value if option.multiple and isinstance(value, list) else [value]
    if option.multiple is not isinstance(value, list) or not all(map(fits, values)):
        raise CrispimError(f"{wrong}: give {'a list, each ' * option.multiple}{wanted}.")
    taken = [str(one) if kind is str else one for one in values]
    chosen = taken if option.multiple else taken[0]
    try:
        context = command.make_context(command.name, [], resilient_parsing=True)
        option.process_value(context, chosen)
    except UsageError as error:
        reason = " ".join(error.message.split()).rstrip(".")
        raise CrispimError(f"{wrong}, which can't be ({reason}): mend it.") from error
    return chosen


def _rule(kind: type) -> tuple[str, Callable[[Any], bool]]:
    """Return what is wanted of a type's values, in words and as a function."""
    if issubclass(kind, Enum):
        values = [member.value for member in kind]
        return f"one of {', '.join(values)}", lambda value: value in values
    wanted, types = _KINDS[kind]
    return wanted, lambda value: type(value) in types  # isinstance would take True for a number


def options_of(command: Any) -> dict[str, Any]:
    """Return a command's options by the names that they have in files."""
    return {
        one.opts[0].removeprefix("--"): one
        for one in command.params
        if one.param_type_name == "option"
    }


def _origin(context: Any, option: Any) -> Path | str | None:
    """Return the file or environment variable of an option's value, None if built in or typed."""
    source = context.get_parameter_source(option.name)
    if source is not None and source.name == "DEFAULT_MAP":
        found: Path = context.meta[_ORIGINS][*_words(context), option.name]
        return found
    if source is not None and source.name == "ENVIRONMENT":
        return f"environment variable {option.envvar}"
    return None


def _words(context: Any) -> Words:
    """Return the words of a command, without the program's name."""
    return (*_words(context.parent), context.info_name) if context.parent else ()


class Command(TyperCommand):
    """A command that says which of its options a file has set."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        set_by: dict[Path, list[str]] = {}
        for name, option in options_of(self).items():
            origin = _origin(ctx, option)
            if isinstance(origin, Path):
                value = json.dumps(ctx.default_map[option.name])
                set_by.setdefault(origin, []).append(f"{name} = {value}")
        for path, options in set_by.items():
            shown = os.path.relpath(path) if path.is_relative_to(Path.cwd()) else path
            log(f"Defaults from '{shown}': {', '.join(options)}")
        return super().invoke(ctx)


def shown_config(context: Any, files: Sequence[ConfigFile]) -> str:
    """Show every option's default and where it is from, itself a file of defaults."""
    read = ", ".join(str(file.path) for file in files) or "none"
    head = [f"# your own file: {users_file()}", f"# files read: {read}"]
    return "\n".join([*head, *_shown_group(context)])


def _shown_group(context: Any) -> Iterator[str]:
    """Show the commands of a group."""
    for name, command in context.command.commands.items():
        below = command.make_context(name, [], parent=context, resilient_parsing=True)
        if hasattr(command, "commands"):
            yield from _shown_group(below)
            continue
        yield from ("", f"[{'.'.join(_words(below))}]")
        for key, option in options_of(command).items():
            yield _shown_option(below, key, option)


def _shown_option(context: Any, key: str, option: Any) -> str:
    """Show an option; what a file can't set, or nothing sets, is a comment."""
    value = context.params[option.name]
    if key not in ANYWHERE | OWN:
        return f"# {key}: for the command line alone"
    if value in (None, [], ()):
        return f"# {key}: not set"
    shown = json.dumps(value, default=str)
    return f"{key} = {shown}  # {_origin(context, option) or 'built in'}"
