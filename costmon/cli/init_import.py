"""Read the `monitor_config.json` of Runaway Monitor and turn it into tables of costmon.toml."""

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from costmon.cli.init_draft import Draft, Table, Value
from costmon.config import ProviderInfo, Providers
from costmon.config.parsers import spell
from costmon.domain.rule import DEFAULT_LIMITS
from costmon.errors import InputError

_MOST_BYTES = 1_000_000
_HIGHEST = 1_000_000_000
_KNOWN = (
    "monitoring_interval",
    "cost_thresholds",
    "usage_spike_multiplier",
    "circuit_breaker",
    "alert_cooldown",
)
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
# Services that the file names otherwise than costmon names their vendor.
_VENDORS = {
    "github_actions": "github",
    "cloudflare_r2": "cloudflare",
    "mongodb_atlas": "mongodb",
}


class Imported(NamedTuple):
    """What an old file says.

    Attributes:
        rules: The keys of a `[[rule]]` by the vendor's slug.
        interval_s: How often the vendors were asked; `None` when it does not say so.
        ignored: The keys that mean nothing to costmon.
    """

    rules: Mapping[str, Mapping[str, Value]]
    interval_s: float | None
    ignored: tuple[str, ...]


class Import(NamedTuple):
    """The tables to add, and what a person must know.

    Attributes:
        tables: Of costmon.toml.
        notes: One sentence each.
    """

    tables: tuple[Table, ...]
    notes: tuple[str, ...]


def read_import(path: Path) -> Imported:
    """Return what a file says.

    Raises:
        InputError: It cannot be read, or is not such a file.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES)
        document = json.loads(content, parse_float=Decimal, parse_constant=_refuse_constant)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(document, dict) or not any(key in document for key in _KNOWN):
        raise InputError(
            f"{path} is not a monitor_config.json of Runaway Monitor: it has none of "
            f"{', '.join(_KNOWN)}"
        )
    shared: dict[str, Value] = {}
    if (spike := _number(document, "usage_spike_multiplier")) is not None:
        shared["spike_multiplier"] = spike
    if (cooldown := _number(document, "alert_cooldown")) is not None:
        shared["cooldown"] = spell(float(cooldown))
    breaker = _object(document, "circuit_breaker")
    multiplier = _number(breaker, "threshold_multiplier", "circuit_breaker.")
    kept: dict[str, str | bool | Decimal] = {"enabled": _flag(breaker, "enabled")}
    if multiplier is not None:
        kept["threshold_multiplier"] = multiplier
    shared["breaker"] = kept
    rules = {}
    thresholds = document.get("cost_thresholds", {slug: {} for slug in DEFAULT_LIMITS})
    for service, amounts in _object({"cost_thresholds": thresholds}, "cost_thresholds").items():
        slug = _slug(service)
        if slug in rules:
            raise InputError(f"cost_thresholds: two of the services are {slug}; remove one of them")
        rules[slug] = {"scope": f"provider:{slug}", **_amounts(service, amounts), **shared}
    interval = _number(document, "monitoring_interval")
    return Imported(
        rules=rules,
        interval_s=None if interval is None else float(interval),
        ignored=tuple(str(key) for key in document if key not in _KNOWN),
    )


def plan_import(imported: Imported, draft: Draft, providers: Providers) -> Import:
    """Return what is to be added to a draft; what is there already stays as it is."""
    tables: list[Table] = []
    notes = [f"{key}: not imported, it has no meaning here" for key in imported.ignored]
    present = {str(table.get("scope")) for table in draft.tables("rule")}
    for slug, rule in imported.rules.items():
        scope = f"provider:{slug}"
        if scope in present:
            notes.append(f"{scope}: costmon.toml has a rule already, which stays")
        else:
            tables.append(("[[rule]]", rule))
        info = providers.find(slug)
        read = [it for it in draft.settings.accounts if it.provider == slug]
        if info is None:
            notes.append(f"{scope}: not collected, costmon cannot read this vendor yet; it is kept")
        elif not read:
            notes.append(
                f"{scope}: not collected, {info.title} has no account yet; run `costmon init`, and "
                "then this import again for its usage_interval"
            )
        elif imported.interval_s is not None and "usage" in info.readings:
            _plan_intervals(draft, info, imported.interval_s, tables, notes)
    return Import(tuple(tables), tuple(notes))


def _plan_intervals(
    draft: Draft, info: ProviderInfo, asked_s: float, tables: list[Table], notes: list[str]
) -> None:
    """Set how often the usage of a vendor's accounts is read, or say how to do it."""
    in_file = {str(table.get("name")): table for table in draft.tables("account")}
    for account in draft.settings.accounts:
        if account.provider != info.slug:
            continue
        least_s = info.least_interval_s("usage", account.api_url)
        interval = spell(max(asked_s, least_s))
        if asked_s < least_s:
            notes.append(
                f"{account.name}: its usage is read every {interval}, the least that costmon asks "
                f"{info.title}"
            )
        table = in_file.get(account.name)
        if table is None:
            keys = {"provider": info.slug, "name": account.name, "usage_interval": interval}
            tables.append(("[[account]]", keys))
        elif "usage_interval" not in table:
            notes.append(
                f'{account.name}: add usage_interval = "{interval}" to its [[account]] by hand'
            )


def _amounts(service: str, value: object) -> Mapping[str, Decimal]:
    amounts = _object({f"cost_thresholds.{service}": value}, f"cost_thresholds.{service}")
    found = {}
    for key in ("hourly", "daily"):
        amount = _number(amounts, key, f"cost_thresholds.{service}.")
        if amount is not None:
            found[key] = amount
    return found


def _slug(service: str) -> str:
    lower = service.strip().lower()
    slug = _VENDORS.get(lower, lower)
    if _SLUG.fullmatch(slug) is None:
        raise InputError(
            f"cost_thresholds: {service[:60]!r} is not the name of a service: a-z, 0-9, - and _"
        )
    return slug


def _object(parent: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = parent.get(key, {})
    if not isinstance(value, dict):
        raise InputError(f"{key} is not an object")
    return value


def _number(parent: Mapping[str, object], key: str, where: str = "") -> Decimal | None:
    value = parent.get(key)
    if value is None:
        return None
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        if number.is_finite() and 0 < number <= _HIGHEST:
            return number
    raise InputError(f"{where}{key} is not a number above 0, up to {_HIGHEST:,}")


def _flag(parent: Mapping[str, object], key: str) -> bool:
    value = parent.get(key, False)
    if not isinstance(value, bool):
        raise InputError(f"circuit_breaker.{key} is neither true nor false")
    return value


def _refuse_constant(name: str) -> Iterable[object]:
    msg = f"{name} is not a number"
    raise ValueError(msg)
