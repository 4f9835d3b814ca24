"""Encode a meter's options in JSON and decode them; amounts are text."""

from decimal import Decimal
from typing import Any

from costmon.meter.options import MOST_TENANTS, Options
from costmon.meter.reporting.json_reader import Reading
from costmon.meter.reporting.text import NAME_CHARACTERS, ROUTE_CHARACTERS, readable

MOST_BUDGETS = 1_000

_LISTS = ("budgets", "tenants", "port")


def options_document(options: Options) -> dict[str, object]:
    """Return options as JSON values."""
    plain = {name: _plain(value) for name, value in options._asdict().items() if name not in _LISTS}
    return {
        **plain,
        "port": options.port,
        "budgets": [
            [readable(glob, ROUTE_CHARACTERS), str(usd)]
            for glob, usd in options.budgets[:MOST_BUDGETS]
        ],
        "tenants": [readable(name, NAME_CHARACTERS) for name in options.tenants[:MOST_TENANTS]],
    }


def options_of(reading: Reading) -> Options:
    """Return options from a parsed document; missing ones get their defaults.

    Raises:
        InputError: They are not valid; the text says where.
    """
    default = Options()
    plain: dict[str, Any] = {
        name: _read(found, value)
        for name, value in default._asdict().items()
        if name not in _LISTS and (found := reading.optional(name)) is not None
    }
    port = reading.optional("port")
    budgets = reading.optional("budgets")
    tenants = reading.optional("tenants")
    return default._replace(
        **plain,
        port=None if port is None else port.count(),
        budgets=() if budgets is None else tuple(map(_budget, budgets.entries(MOST_BUDGETS))),
        tenants=()
        if tenants is None
        else tuple(entry.text() for entry in tenants.entries(MOST_TENANTS)),
    )


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    return readable(value, NAME_CHARACTERS) if isinstance(value, str) else value


def _read(reading: Reading, like: object) -> object:
    """Return an option of the same type as its default."""
    if isinstance(like, bool):
        return reading.claim()
    if isinstance(like, int):
        return reading.count()
    if isinstance(like, float):
        return reading.seconds()
    return reading.amount() if isinstance(like, Decimal) else reading.text()


def _budget(reading: Reading) -> tuple[str, Decimal]:
    found = tuple(reading.entries(2))
    if len(found) != 2:  # noqa: PLR2004 - a pair
        reading.refuse("a pair of a glob and an amount")
    return found[0].text(ROUTE_CHARACTERS), found[1].amount()
