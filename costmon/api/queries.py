"""Read query parameters: each must be known, given once, and have an accepted value."""

from collections.abc import Collection
from typing import TypeVar

from werkzeug.datastructures import MultiDict

Choice = TypeVar("Choice", bound=str)


class QueryError(ValueError):
    """The query is not valid; the text says what is accepted."""


def check_names(given: MultiDict[str, str], accepted: Collection[str]) -> None:
    """Refuse parameters that are not known or are given more than once.

    Raises:
        QueryError: There is such a parameter.
    """
    for name, values in given.lists():
        if name not in accepted:
            msg = f"{name[:40]!r} is not a parameter; accepted: {', '.join(accepted)}"
            raise QueryError(msg)
        if len(values) > 1:
            msg = f"{name} is given {len(values)} times; accepted: once"
            raise QueryError(msg)


def choice(name: str, value: str, choices: tuple[Choice, ...]) -> Choice:
    """Return the choice that `value` is.

    Raises:
        QueryError: It is not among them.
    """
    for accepted in choices:
        if accepted == value:
            return accepted
    msg = f"{name}={value[:40]!r}; accepted: {', '.join(choices)}"
    raise QueryError(msg)
