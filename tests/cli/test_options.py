from __future__ import annotations

from dataclasses import dataclass
from inspect import unwrap
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import pytest
import typer
from typer.testing import CliRunner

from crispim_ij.cli.options import with_groups

Depth = Annotated[int, typer.Option(metavar="COUNT", min=1, help="Planes at once.")]


@dataclass(frozen=True)
class Reading:
    """How planes are read."""

    depth: Depth = 8
    axes: Annotated[str | None, typer.Option("--axes-of-it", help="Their order.")] = None


@dataclass(frozen=True)
class Place:
    """Where results go."""

    folder: Annotated[Path, typer.Option(help="A folder.")]


@pytest.fixture
def seen() -> list[Any]:
    return []


@pytest.fixture
def app(seen: list[Any]) -> typer.Typer:
    """One command with an option of its own between those of two groups."""
    made = typer.Typer()

    @made.command()
    @with_groups
    def look(
        context: typer.Context,
        source: Annotated[Path, typer.Argument(metavar="INPUT")],
        first: Annotated[bool, typer.Option("--first")] = False,
        *,
        reading: Reading,
        seed: Annotated[int, typer.Option()] = 0,
        place: Place,
    ) -> None:
        """Look at planes."""
        seen.append((context.info_name, source, first, reading, seed, place))

    return made


def test_a_command_gets_its_groups_filled(app: typer.Typer, seen: list[Any]) -> None:
    answer = CliRunner().invoke(
        app, ["in", "--folder", "out", "--axes-of-it", "ZYX", "--seed", "3"]
    )
    assert answer.exit_code == 0, answer.output
    assert seen == [("look", Path("in"), False, Reading(8, "ZYX"), 3, Place(Path("out")))]


def test_the_options_of_a_group_stand_where_the_group_does(app: typer.Typer) -> None:
    command: Any = typer.main.get_command(app)
    assert command.help == "Look at planes."
    names = [one.opts[0] for one in command.params if "completion" not in one.name]
    assert names == ["source", "--first", "--depth", "--axes-of-it", "--seed", "--folder"]
    depth, folder = command.params[2], command.params[5]
    assert (depth.help, depth.metavar, depth.default) == ("Planes at once.", "COUNT", 8)
    assert folder.required


def test_rules_of_a_groups_options_hold(app: typer.Typer, seen: list[Any]) -> None:
    for wrong in (["in"], ["in", "--folder", "out", "--depth", "0"]):
        assert CliRunner().invoke(app, wrong).exit_code == 2
    assert not seen


def test_defaults_from_a_file_fill_groups(app: typer.Typer, seen: list[Any]) -> None:
    defaults = {"depth": 3, "axes": "YX"}
    answer = CliRunner().invoke(app, ["in", "--folder", "out"], default_map=defaults)
    assert answer.exit_code == 0, answer.output
    assert seen[0][3] == Reading(3, "YX")


def test_types_are_told_one_by_one(app: typer.Typer) -> None:
    """As the reference of commands and the check of files read them."""
    command: Any = typer.main.get_command(app)
    hints = get_type_hints(unwrap(command.callback), include_extras=True)
    assert hints["depth"] == Depth
    assert hints["seed"] == Annotated[int, hints["seed"].__metadata__[0]]
    assert {"reading", "place"}.isdisjoint(hints)


def test_one_name_in_two_groups_is_refused() -> None:
    def twice(one: Reading, two: Reading) -> None: ...

    with pytest.raises(ValueError, match="duplicate parameter name: 'depth'"):
        with_groups(twice)


def test_it_can_be_called_from_python(seen: list[Any]) -> None:
    @with_groups
    def look(source: Path, *, reading: Reading) -> None:
        seen.append((source, reading))

    look(Path("in"), axes="YX")
    assert seen == [(Path("in"), Reading(8, "YX"))]


def test_the_command_keeps_its_name(app: typer.Typer) -> None:
    (command,) = app.registered_commands
    assert command.callback is not None
    assert (command.callback.__name__, command.callback.__module__) == ("look", __name__)
