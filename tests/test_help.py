"""A stranger's walk: every command's --help alone is enough to use it right."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from enum import Enum
from functools import cache
from inspect import unwrap
from typing import Any, get_args, get_type_hints

import pytest
import typer
from typer.testing import CliRunner

from crispim_ij.cli.main import app

ROOT = typer.main.get_command(app)
DEFAULT = re.compile(r"\[default: .+\]")
UNITS = re.compile(
    r"\b(px|counts|planes|threads|batches|patches|steps|GPUs|GB|a number without unit|factor"
    r"|whole number|minutes|counted from [01])\b",
    re.IGNORECASE,
)
NUMBERS_AS_TEXT = {"--noise-sd", "--camera", "--crop", "--display", "--channel", "--time", "--heap"}
DIFFERENT = {
    "--clean": "preprocess writes clean planes; train and models calibrate read them",
    "--factor": "reproduce knows the paper's factor and none, preprocess any",
    "--model": "reproduce measures further models, fiji denoise takes exported ones, too",
    "--noise": "export writes it into the graph, where nothing can be measured",
    "--noise-sd": "preprocess seeds each plane, evaluate and train draw, each with its own default",
    "--noisy": "train has as many as clean stacks, evaluate one",
    "--out": "each command says what kind of file it writes",
    "--planes": "demo makes planes, others choose some",
    "--precision": "train has the recipe's",
    "--seed": "says what each command draws",
    "--steps": "models train-shipped has several runs",
    "--workers": "threads have different work",
}


def walk(command: Any, path: tuple[str, ...] = ()) -> Any:
    """Yield each command with its path."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from walk(below, (*path, name))


COMMANDS = dict(walk(ROOT))
PARAMETERS = {
    (*path, parameter.opts[0]): parameter
    for path, command in COMMANDS.items()
    for parameter in command.params
}
OPTIONS = {key: one for key, one in PARAMETERS.items() if one.param_type_name == "option"}
BY_NAME: defaultdict[str, list[Any]] = defaultdict(list)
for key, one in OPTIONS.items():
    BY_NAME[key[-1]].append(one)

every_parameter = pytest.mark.parametrize(
    "key", [key for key in PARAMETERS if "completion" not in key[-1]], ids=" ".join
)
every_command = pytest.mark.parametrize(
    "path", [path for path, command in COMMANDS.items() if not hasattr(command, "commands")],
    ids=" ".join,
)  # fmt: skip


@cache
def hints_of(path: tuple[str, ...]) -> dict[str, Any]:
    """The types of a command's parameters."""
    return get_type_hints(unwrap(COMMANDS[path].callback))


def kinds(key: tuple[str, ...]) -> set[Any]:
    """Types in which a value is taken, such as {int} or {Path}."""
    hint = hints_of(key[:-1])[PARAMETERS[key].name]
    found, left = set(), [hint]
    while left:
        one = left.pop()
        left += get_args(one)
        if not get_args(one):
            found.add(one)
    return found - {type(None)}


def is_flag(parameter: Any) -> bool:
    """Whether a parameter takes no value."""
    return bool(getattr(parameter, "is_flag", False))


@every_parameter
def test_it_is_explained(key: tuple[str, ...]) -> None:
    said = PARAMETERS[key].help
    assert said
    assert said[0].isupper() or said.startswith("csbdeep:")
    assert said.endswith((".", "]")), said


@every_parameter
def test_numbers_have_units(key: tuple[str, ...]) -> None:
    if kinds(key) & {int, float} or key[-1] in NUMBERS_AS_TEXT:
        assert UNITS.search(PARAMETERS[key].help), PARAMETERS[key].help


def test_the_walk_meets_numbers() -> None:
    assert kinds(("denoise", "--tile")) == {int}
    assert kinds(("calibrate", "--offset")) == {float}
    assert kinds(("evaluate", "--result")) == {str}
    assert kinds(("denoise", "--resume")) == {bool}


@every_parameter
def test_the_default_is_told(key: tuple[str, ...]) -> None:
    """Shown by Typer where there is one, else said in words; a flag that isn't given is off."""
    parameter = PARAMETERS[key]
    told = DEFAULT.search(parameter.help) is not None
    if parameter.required or is_flag(parameter):
        assert not told
    elif parameter.default is None:
        assert told or "Needed, but" in parameter.help or "ithout it" in parameter.help
    else:
        assert parameter.show_default
        assert not told


@every_parameter
def test_the_metavar_tells_what_to_give(key: tuple[str, ...]) -> None:
    (kind,) = kinds(key)
    if kind is not bool and not issubclass(kind, Enum):
        assert PARAMETERS[key].metavar not in {None, "INT", "FLOAT", "TEXT", "PATHS"}


@pytest.mark.parametrize("name", [name for name, all_ in BY_NAME.items() if len(all_) > 1])
def test_one_name_means_one_thing(name: str) -> None:
    said = {(one.help, one.metavar) for one in BY_NAME[name]}
    assert (len(said) > 1) == (name in DIFFERENT), said


def test_the_differences_are_needed() -> None:
    assert DIFFERENT.keys() <= {name for name, all_ in BY_NAME.items() if len(all_) > 1}
    assert all(DIFFERENT.values())


def test_short_names_are_help_alone() -> None:
    assert not [opt for one in OPTIONS.values() for opt in one.opts if len(opt) == 2]


@every_command
def test_there_is_an_example_that_can_be_given(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    found = re.search(r"Example: `crispim-ij ([^`]+)`", command.help)
    assert found, command.help
    words = shlex.split(found[1])
    assert tuple(words[: len(path)]) == path
    context = command.make_context("crispim-ij", words[len(path) :])
    assert set(context.params) == {one.name for one in command.params}


@every_command
def test_help_shows_the_example(path: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(app, [*path, "--help"])
    assert answer.exit_code == 0
    assert f"Example: crispim-ij {' '.join(path)}" in " ".join(answer.output.split())


def test_exit_codes_are_told_once() -> None:
    said = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    assert said.count("Exit codes:") == 1
    for code in ("0 done", "1 a check", "2 a fault", "130 interrupted"):
        assert code in said


@every_parameter
def test_nothing_turns_into_a_picture(key: tuple[str, ...]) -> None:
    """Help is shown as rich markup, in which :100: is an emoji."""
    from rich.emoji import Emoji

    assert Emoji.replace("0.5:100:3") != "0.5:100:3"
    assert Emoji.replace(PARAMETERS[key].help) == PARAMETERS[key].help
