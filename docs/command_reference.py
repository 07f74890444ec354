"""Write every command as Markdown, read from the functions that Typer runs.

    python docs/command_reference.py

The page docs/commands.md is filled with this while the site is built, so it can't fall behind.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import typer

from crispim_ij.cli.main import app

NAME = "crispim-ij"
EVERYWHERE = {"help", "install_completion", "show_completion"}
KINDS = {int: "a whole number", float: "a number", str: "a text", Path: "a path"}
TOLD = re.compile(r" \[default: (.*)\]$")
"""A default that the help says in words."""


def reference() -> str:
    """Return the sections of all commands, in the order of `crispim-ij --help`."""
    root = typer.main.get_command(app)
    return "\n".join([section(NAME, root), *(section(*found) for found in walk(NAME, root))])


def walk(name: str, group: Any) -> Iterator[tuple[str, Any]]:
    """Yield the commands below a group with their full names, a group before its own."""
    for word, command in getattr(group, "commands", {}).items():
        yield f"{name} {word}", command
        yield from walk(f"{name} {word}", command)


def section(name: str, command: Any) -> str:
    """Return a heading, the usage, the explanation and tables of arguments and options."""
    hints = annotations(command)
    shown = [one for one in command.params if one.name not in EVERYWHERE and not one.hidden]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    options = [one for one in shown if one.param_type_name == "option"]
    lines = [f"## `{name}`", "", "```text", usage(name, command, arguments), "```", ""]
    lines += [inspect.cleandoc(command.help or ""), ""]
    below = [f"{name} {word}" for word in getattr(command, "commands", {})]
    lines += [f"- [`{one}`](#{one.replace(' ', '-')})" for one in below] + [""]
    if arguments:
        lines += ["| argument | meaning |", "|---|---|"]
        lines += [f"| `{cell(word(one))}` | {meaning(one)} |" for one in arguments] + [""]
    if options:
        lines += ["| option | takes | default | meaning |", "|---|---|---|---|"]
        lines += [row(one, hints[one.name]) for one in options] + [""]
    return "\n".join(lines)


def annotations(command: Any) -> dict[str, Any]:
    """Return what the function behind a command says of its parameters."""
    function = command.callback and inspect.unwrap(command.callback)
    return get_type_hints(function, include_extras=True) if function else {}


def usage(name: str, command: Any, arguments: list[Any]) -> str:
    """Return how the command is written."""
    words = [name, "[OPTIONS]"]
    for one in arguments:
        several = word(one) + ("..." if one.nargs == -1 else "")
        words.append(several if one.required else f"[{several}]")
    return " ".join([*words, "COMMAND [ARGUMENTS]"] if hasattr(command, "commands") else words)


def row(option: Any, hint: Any) -> str:
    """Return an option's line of the table."""
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    return f"| {names} | {taken(option, hint)} | {default(option)} | {meaning(option)} |"


def taken(option: Any, hint: Any) -> str:
    """Return what an option takes: its word for it, the choices, or the type and its bounds."""
    kind, *_ = get_args(hint)
    info = next((one for one in get_args(hint) if hasattr(one, "param_decls")), None)
    kind = core(kind)
    if kind is bool:
        return ""
    if option.metavar:
        return " ".join([f"`{cell(option.metavar)}`", *bounds(info)])
    if get_origin(kind) is Literal:
        return ", ".join(f"`{one}`" for one in get_args(kind))
    if issubclass(kind, Enum):
        return ", ".join(f"`{one.value}`" for one in kind)
    return " ".join([KINDS[kind], *bounds(info)])


def bounds(info: Any) -> list[str]:
    """Return the least and the largest value that an option takes, where there are such."""
    ends = [("from", getattr(info, "min", None)), ("to", getattr(info, "max", None))]
    return [f"{side} {end}" for side, end in ends if end is not None]


def core(kind: Any) -> Any:
    """Return the type of one value: that in `list[...]`, and without `| None`."""
    while get_origin(kind) in (list, Union, types.UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    return kind


def default(parameter: Any) -> str:
    """Return the default, where there is one that help shows."""
    if isinstance(parameter.show_default, str):
        return cell(parameter.show_default)
    if said := TOLD.search(help_of(parameter)):
        return cell(said[1])
    value = parameter.default
    hidden = not parameter.show_default or callable(value) or isinstance(value, bool)
    if parameter.required or hidden or value in (None, [], ()):
        return ""
    return f"`{cell(str(value.value if isinstance(value, Enum) else value))}`"


def help_of(parameter: Any) -> str:
    """Return the help of an argument or option in one line."""
    return " ".join((parameter.help or "").split())


def meaning(parameter: Any) -> str:
    """Return the help of an argument or option, and what else decides its value."""
    text = cell(TOLD.sub("", help_of(parameter)))
    if parameter.param_type_name == "argument" and (value := default(parameter)):
        text += f" By default {value}."
    if parameter.required and parameter.param_type_name == "option":
        text += " Must be given."
    if getattr(parameter, "multiple", False):
        text += " Can be given several times."
    return text + (f" Also from the variable `{parameter.envvar}`." if parameter.envvar else "")


def word(argument: Any) -> str:
    """Return the word that stands for an argument."""
    return str(argument.metavar or argument.name.upper())


def cell(text: str) -> str:
    """Return text that may stand in a cell of a table."""
    return re.sub(r"(?<!\\)\|", r"\\|", text)


if __name__ == "__main__":
    print(reference())
