"""Values in files of defaults: of the type that the option has, or refused."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from inspect import unwrap
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from crispim_ij.cli.usage import UsageError
from crispim_ij.errors import CrispimError

_RULES: dict[type, tuple[str, Callable[[Any], bool]]] = {
    bool: ("true or false", lambda value: isinstance(value, bool)),
    int: ("a whole number", lambda value: type(value) is int),
    float: ("a number", lambda value: type(value) in (int, float)),
    Path: ("a path, in quotes", lambda value: isinstance(value, str)),
    # A number may stand for what is written as one on the command line, such as noise-sd = 30.
    str: ("a text, in quotes", lambda value: type(value) in (str, int, float)),
}


def kind_of(command: Any, parameter: Any) -> tuple[type, bool]:
    """Return the type of an option's values, and whether it takes several.

    Parameters
    ----------
    command : click.Command
        The command.
    parameter : click.Parameter
        One of its options.

    Returns
    -------
    kind : type
        bool, int, float, str, Path or an Enum.
    several : bool
        Whether it may be repeated.
    """
    hint = get_type_hints(unwrap(command.callback))[parameter.name]
    # Drops the None of options that need no value.
    given = [one for one in get_args(hint) if one is not type(None)]
    if get_origin(hint) is not list and given:
        hint = given[0]
    if get_origin(hint) is list:
        return get_args(hint)[0], True
    return hint, False


def checked_value(command: Any, parameter: Any, value: Any, where: str, path: Path) -> Any:
    """Return a value as the command line takes it.

    Parameters
    ----------
    command : click.Command
        The command.
    parameter : click.Parameter
        One of its options.
    value : object
        What the file says.
    where : str
        Key and table, for messages.
    path : Path
        The file, for messages.

    Returns
    -------
    object
        The value; numbers that stand for texts as texts.

    Raises
    ------
    CrispimError
        If it is of another type, or none of the values that can be.
    """
    kind, several = kind_of(command, parameter)
    wanted, fits = _rule(kind)
    values = value if several and isinstance(value, list) else [value]
    if (several and not isinstance(value, list)) or not all(map(fits, values)):
        wanted = f"a list, each {wanted}" if several else wanted
        raise CrispimError(f"'{path}' has {value!r} for {where}: give {wanted}.")
    taken = [str(one) if kind is str else one for one in values]
    chosen = taken if several else taken[0]
    try:
        context = command.make_context(command.name, [], resilient_parsing=True)
        parameter.process_value(context, chosen)
    except UsageError as error:
        reason = " ".join(error.message.split()).rstrip(".")
        raise CrispimError(
            f"'{path}' has {value!r} for {where}, which can't be ({reason}): mend it."
        ) from error
    return chosen


def _rule(kind: type) -> tuple[str, Callable[[Any], bool]]:
    """Return what is wanted of a type's values, in words and as a function."""
    if issubclass(kind, Enum):
        values = [str(member.value) for member in kind]
        return f"one of {', '.join(values)}", lambda value: value in values
    return _RULES[kind]
