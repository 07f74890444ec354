"""Wrong usage, said in one sentence as every other fault is."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from crispim_ij.errors import CrispimError, closest, did_you_mean

# Typer has click's errors either from click or from a copy of its own.
UsageError: type[Any] = typer.BadParameter.__mro__[2]


class Group(TyperGroup):
    """Commands; where one is mistyped, the nearest is named."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the first word names."""
        name = args[0]
        known = self.list_commands(ctx)
        if name not in known and not name.startswith("-") and not ctx.resilient_parsing:
            raise CrispimError(
                f"There is no command '{ctx.command_path} {name}': {did_you_mean(name, known)}"
            )
        return super().resolve_command(ctx, args)


def in_one_sentence(error: Any) -> str:
    """Say what Typer found wrong, and what to do; nothing where help was shown in place of it."""
    context = error.ctx
    path = context.command_path if context else "crispim-ij"
    remedy = f"see '{path} --help'."
    option = getattr(error, "option_name", None)
    if option is None or type(error).__name__ != "NoSuchOption":
        # Pydantic, which newer Typers ask, begins with these words what needs none.
        said = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
        return f"{said}: {remedy}" if said else ""
    known = [name for one in context.command.params for name in (*one.opts, *one.secondary_opts)]
    near = closest(option, [name for name in known if name.startswith("-")])
    return f"There is no option '{option}' of '{path}': " + (
        f"did you mean '{near}'?" if near else remedy
    )
