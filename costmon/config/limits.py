"""Read the `[[quota]]` tables and `[fx]`: limits in units, and exchange rates."""

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import NamedTuple

from costmon.config.budgets import read_levels
from costmon.config.providers import Providers
from costmon.config.tables import TableReader, shown
from costmon.domain.amount import currency_of
from costmon.domain.cap import DEFAULT_LEVELS, Quota, QuotaPeriod
from costmon.domain.fx import Rate
from costmon.errors import InputError

QUOTA_KEYS = (
    "provider",
    "account",
    "quota",
    "unit",
    "limit",
    "period",
    "levels",
    "plan",
    "per_project",
)
FX_KEYS = ("currency", "rates", "as_of")
_PERIODS: Mapping[str, QuotaPeriod] = {"day": "day", "month": "month", "now": "now"}
_SLUG = re.compile(r"[a-z0-9][a-z0-9_]{0,63}", re.ASCII)
_OWN = "costmon.toml"


class FxSettings(NamedTuple):
    """What `[fx]` says.

    Attributes:
        currency: In which currency totals are shown, ISO 4217.
        rates: The user's own rates by currency: euros for one unit.
    """

    currency: str
    rates: Mapping[str, Rate]


DEFAULT_FX = FxSettings("USD", MappingProxyType({}))


def read_quotas(read: TableReader, tables: object, providers: Providers) -> tuple[Quota, ...]:
    """Return the quotas that are right, in their order; every one that is not is a fault."""
    listed = read.listed("quota", tables)
    found = (_quota(read, f"quota[{n}]", table, providers) for n, table in enumerate(listed))
    return tuple(quota for quota in found if quota is not None)


def _quota(
    read: TableReader, where: str, table: Mapping[str, object], providers: Providers
) -> Quota | None:
    before = len(read.faults)
    read.known_keys(where, table, QUOTA_KEYS, "key of [[quota]]")
    provider = _text(read, where, table, "provider")
    if provider is not None and providers.find(provider) is None:
        read.refuse(f"{where}.provider", provider, f"one of {', '.join(providers.slugs)}")
    quota = _text(read, where, table, "quota")
    if quota is not None and _SLUG.fullmatch(quota) is None:
        read.refuse(f"{where}.quota", quota, "a name such as function_invocations")
    unit = _text(read, where, table, "unit")
    limit = _number(table.get("limit"))
    if limit is None:
        read.refuse(f"{where}.limit", shown(table.get("limit")), "a number of units, 0 or more")
    period = _PERIODS.get(str(table.get("period", "month")))
    if period is None:
        read.refuse(f"{where}.period", shown(table.get("period")), f"one of {', '.join(_PERIODS)}")
    per_project = table.get("per_project", False)
    if not isinstance(per_project, bool):
        read.refuse(f"{where}.per_project", shown(per_project), "true or false")
    optional = {key: _text(read, where, table, key) for key in ("account", "plan") if key in table}
    levels = read_levels(read, where, table)
    if len(read.faults) > before or None in {provider, quota, unit, limit, period}:
        return None
    return Quota(
        provider=provider or "",
        account=optional.get("account"),
        quota=quota or "",
        unit=unit or "",
        limit=limit or Decimal(),
        period=period or "month",
        levels=levels or DEFAULT_LEVELS,
        plan=optional.get("plan"),
        per_project=bool(per_project),
        source=None,
        as_of=None,
    )


def read_fx(read: TableReader, value: object) -> FxSettings:
    """Return what `[fx]` says; what is not right is a fault.

    `rates` are units of a currency for one euro, as the European Central Bank publishes them.
    """
    table = read.table("fx", value)
    read.known_keys("fx", table, FX_KEYS, "key of [fx]")
    currency = _currency(read, "fx.currency", table.get("currency", DEFAULT_FX.currency))
    rates = read.table("fx.rates", table.get("rates", {}))
    as_of = table.get("as_of")
    if rates and (not isinstance(as_of, dt.date) or isinstance(as_of, dt.datetime)):
        read.refuse("fx.as_of", shown(as_of), "the day of the rates, such as 2026-11-20")
    day = as_of if isinstance(as_of, dt.date) else dt.date.min
    found = {}
    for name, given in rates.items():
        code, rate = _currency(read, f"fx.rates.{name}", name), _number(given)
        if not rate:
            read.refuse(f"fx.rates.{name}", shown(given), "units for one euro, such as 1.0812")
        elif code is not None:
            found[code] = Rate(Decimal(1) / rate, day, _OWN)
    return FxSettings(currency or DEFAULT_FX.currency, MappingProxyType(found))


def _text(read: TableReader, where: str, table: Mapping[str, object], key: str) -> str | None:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        read.refuse(f"{where}.{key}", shown(value), "a text in quotes; it is needed")
        return None
    return value


def _currency(read: TableReader, where: str, value: object) -> str | None:
    try:
        return currency_of(value)
    except InputError as error:
        read.refuse(where, shown(value), str(error))
        return None


def _number(value: object) -> Decimal | None:
    """Return a finite number of at least 0; `None` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() and number >= 0 else None
