"""Read past calls from a file, or generate some, for `costmon guard simulate`."""

import contextlib
import csv
import datetime as dt
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple, TextIO

from costmon.domain.amount import amount_of
from costmon.domain.scope import GLOBAL, host_of, scope_of
from costmon.errors import InputError

_AMOUNTS = ("amount", "cost", "spent")
_TIMES = ("time", "at", "timestamp")
_KINDS = ("host", "provider", "model", "key", "account", "project", "service", "tag")
_STDIN = Path("-")


class Call(NamedTuple):
    """One call that was, or might be, made.

    Attributes:
        epoch_s: When, seconds since 1970.
        scopes: In canonical form, at least one.
        amount: What it cost, major units.
        activity: What kind of call it was.
    """

    epoch_s: float
    scopes: tuple[str, ...]
    amount: Decimal
    activity: str


def generated(
    count: int, *, cost: str, scopes: Sequence[str], every_s: float, start: dt.datetime
) -> list[Call]:
    """Return `count` calls of the same cost, one each `every_s` seconds.

    Raises:
        InputError: The cost or a scope cannot be used.
    """
    chain = tuple(scope_of(scope) for scope in scopes) or (GLOBAL,)
    each, start_s = amount_of(cost), start.timestamp()
    return [Call(start_s + number * every_s, chain, each, "call") for number in range(count)]


def calls_of(path: Path) -> list[Call]:
    """Return the calls in a CSV file with headings or in JSON lines; `-` is standard input.

    Raises:
        InputError: It is neither, or a line cannot be used; the error names the line.
        OSError: The file cannot be read.
    """
    with _opened(path) as source:
        return list(_read(source, str(path)))


def _opened(path: Path) -> contextlib.AbstractContextManager[TextIO]:
    if path == _STDIN:
        return contextlib.nullcontext(sys.stdin)
    return path.open(encoding="utf-8-sig", newline="")


def _read(source: TextIO, name: str) -> Iterator[Call]:
    try:
        first = source.readline()
        lines = _chained(first, source)
        rows = _json_rows(lines) if first.lstrip().startswith("{") else _csv_rows(lines)
        for number, row in rows:
            try:
                yield _call(row)
            except InputError as error:
                raise InputError(f"{name}, line {number}: {error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{name} is not valid UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{name} is not valid CSV: {error}") from None


def _chained(first: str, source: TextIO) -> Iterator[str]:
    yield first
    yield from source


def _csv_rows(lines: Iterable[str]) -> Iterator[tuple[int, Mapping[str, object]]]:
    reader = csv.DictReader(lines)
    for row in reader:
        yield reader.line_num, {str(name).strip().lower(): text for name, text in row.items()}


def _json_rows(lines: Iterable[str]) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_float=Decimal)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise InputError(f"line {number} is not a JSON object")
        yield number, row


def _call(row: Mapping[str, object]) -> Call:
    scopes = dict.fromkeys(_scopes(row))
    if not scopes:
        raise InputError("the call has no scope: give scopes, url, host, model, key or provider")
    return Call(
        epoch_s=_epoch_s(_one_of(row, _TIMES)),
        scopes=tuple(scopes),
        amount=_amount(_one_of(row, _AMOUNTS)),
        activity=str(row.get("activity") or "call"),
    )


def _scopes(row: Mapping[str, object]) -> Iterator[str]:
    given = row.get("scopes") or row.get("scope") or ()
    for text in given.replace(";", " ").split() if isinstance(given, str) else _listed(given):
        yield scope_of(text)
    if url := row.get("url"):
        yield f"host:{host_of(url)}"
    for kind in _KINDS:
        if value := row.get(kind):
            yield scope_of(f"{kind}:{value}")


def _listed(given: object) -> Sequence[object]:
    if isinstance(given, list | tuple):
        return given
    raise InputError(f"scopes is {given!r}: give a list, or a string separated by spaces")


def _one_of(row: Mapping[str, object], names: Sequence[str]) -> object:
    for name in names:
        value = row.get(name)
        if value is not None and value != "":
            return value
    raise InputError(f"no {names[0]}: it is required for each call")


def _amount(given: object) -> Decimal:
    if isinstance(given, str | int | float | Decimal):
        return amount_of(given)
    raise InputError(f"the amount is {given!r}: give one such as 0.02")


def _epoch_s(given: object) -> float:
    wanted = "give seconds since 1970, or a time such as 2026-11-21T10:00:00Z"
    try:
        seconds = float(Decimal(str(given)))
    except InvalidOperation:
        seconds = None
    if seconds is None:
        try:
            moment = dt.datetime.fromisoformat(str(given))
        except ValueError:
            raise InputError(f"the time is {given!r}: {wanted}") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        seconds = moment.timestamp()
    if not 0 <= seconds < 7_258_118_400:  # noqa: PLR2004 - the year 2200
        raise InputError(f"the time is {given!r}: {wanted}")
    return seconds
