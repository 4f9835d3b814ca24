"""Validate a meter's options; report all faults at once, each with what is accepted."""

import math
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from costmon.errors import InputError, PriceUnknownError
from costmon.meter.options import MOST_TENANTS, REGIONS, Options
from costmon.meter.reporting.text import place_name

_LONGEST_NAME = 200
_MOST_USERS = 10**9
_MOST_USD = Decimal(10) ** 12
_MOST_RATE = Decimal(10) ** 6
_LONGEST_WARMUP_S = 86_400.0
_MOST_SAMPLE = 1_000_000
_PORTS = 65_535
_MOST_BUDGETS = 1_000


def parse_options(given: Mapping[str, object]) -> Options:
    """Return options from keyword arguments; missing ones get their defaults.

    Raises:
        InputError: An option is not valid. The text lists every fault and what is accepted.
    """
    reader = _Reader(given)
    provider = reader.read("provider", _provider, "AWS")
    options = Options(
        provider=provider,
        region=reader.read("region", _text, REGIONS[provider]) or REGIONS[provider],
        target_users=reader.read("target_users", _whole(1, _MOST_USERS), 1000),
        requests_per_user_per_second=reader.read(
            "requests_per_user_per_second", _amount(Decimal("1e-9"), _MOST_RATE), Decimal(1)
        ),
        budget_usd=reader.read("budget_usd", _amount(Decimal(0), _MOST_USD), Decimal(0)),
        budgets=reader.read("budgets", _budgets, ()),
        port=reader.read("port", _port, Options().port),
        warmup_s=reader.read("warmup_s", _seconds, Options().warmup_s),
        service=reader.read("service", _text, ""),
        place=reader.read("place", _place, ""),
        continue_recording=reader.read("continue_recording", _flag, False),  # noqa: FBT003 - a default value
        instance=reader.read("instance", _text, ""),
        target_utilisation=reader.read(
            "target_utilisation", _amount(Decimal("0.01"), Decimal(1)), Decimal("0.6")
        ),
        cpu_factor=reader.read("cpu_factor", _amount(Decimal("0.01"), Decimal(100)), Decimal(1)),
        sample=reader.read("sample", _whole(1, _MOST_SAMPLE), 1),
        follow_threads=reader.read("follow_threads", _flag, True),  # noqa: FBT003 - a default value
        tenant_header=reader.read("tenant_header", _header, ""),
        tenants=reader.read("tenants", _tenants, ()),
        prices=reader.read("prices", _text, ""),
    )
    reader.refuse_unknown(Options._fields)
    if not reader.faults:
        reader.check(options)
    if reader.faults:
        raise InputError("invalid meter options: " + "; ".join(reader.faults))
    return options


class _Reader:
    def __init__(self, given: Mapping[str, object]) -> None:
        self._given = given
        self.faults: list[str] = []

    def read(self, name: str, parse: Callable[[Any], Any], default: Any) -> Any:  # noqa: ANN401 - depends on the parser
        if name not in self._given:
            return default
        value = self._given[name]
        try:
            return parse(value)
        except (ValueError, TypeError, ArithmeticError) as error:
            self.faults.append(f"{name}={_shown(value)}: accepted: {error}")
            return default

    def refuse_unknown(self, known: tuple[str, ...]) -> None:
        for name in self._given:
            if name not in known:
                self.faults.append(f"unknown option {_shown(name)}: accepted: {', '.join(known)}")

    def check(self, options: Options) -> None:
        """Check the instance against the price list; say if prices of the region are not known."""
        from costmon.meter.price_list import prices_of, tell_missing

        if not options.region.replace("-", "").replace("_", "").replace(" ", "").isalnum():
            self.faults.append(
                f"region={_shown(options.region)}: accepted: a region of {options.provider}, such "
                f"as {REGIONS[options.provider]!r}"
            )
            return
        try:
            prices = prices_of(options)
            if prices.machines_of:
                tell_missing(prices.provider, prices.region, prices.machines_of)
        except OSError as error:
            cause = error.strerror or str(error)
            self.faults.append(f"prices={_shown(options.prices)}: cannot be read: {cause}")
        except PriceUnknownError as error:
            self.faults.append(f"region={_shown(options.region)}: {error}")
        except InputError as error:
            self.faults.append(str(error))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - fits on a line


def _provider(value: object) -> str:
    if isinstance(value, str) and value.upper() in REGIONS:
        return value.upper()
    raise ValueError(", ".join(REGIONS))


def _text(value: object) -> str:
    if isinstance(value, str) and value.isprintable() and len(value) <= _LONGEST_NAME:
        return value
    raise ValueError(f"printable text of at most {_LONGEST_NAME} characters")


def _place(value: object) -> str:
    if isinstance(value, str):
        return place_name(value)
    raise ValueError("a folder or another name of a place, as text")


def _header(value: object) -> str:
    if isinstance(value, str) and value.isascii() and value.replace("-", "").isalnum():
        return value
    if value == "":
        return ""
    raise ValueError("a header name, such as 'X-Tenant'")


def _whole(least: int, most: int) -> Callable[[object], int]:
    def whole(value: object) -> int:
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        raise ValueError(f"a whole number from {least} to {most}")

    return whole


def _amount(least: Decimal, most: Decimal) -> Callable[[object], Decimal]:
    def amount(value: object) -> Decimal:
        accepted = f"a number from {least:f} to {most:f}"
        if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
            raise TypeError(accepted)
        try:
            exact = Decimal(str(value))
        except InvalidOperation:
            raise ValueError(accepted) from None
        if not exact.is_finite() or not least <= exact <= most:
            raise ValueError(accepted)
        return exact

    return amount


def _port(value: object) -> int | None:
    if value is None:
        return None
    try:
        return _whole(0, _PORTS)(value)
    except ValueError:
        raise ValueError(f"a port from 0 (any free port) to {_PORTS}, or None") from None


def _seconds(value: object) -> float:
    if (
        isinstance(value, (int, float, Decimal))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and 0 <= value <= _LONGEST_WARMUP_S
    ):
        return float(value)
    raise ValueError(f"a number of seconds from 0 to {_LONGEST_WARMUP_S:.0f}")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("True or False")


def _budgets(value: object) -> tuple[tuple[str, Decimal], ...]:
    accepted = "dollars a month by route, such as {'GET /api/*': 50}, where * matches any text"
    pairs = tuple(value.items()) if isinstance(value, Mapping) else value
    if not isinstance(pairs, (tuple, list)) or len(pairs) > _MOST_BUDGETS:
        raise TypeError(accepted)
    limit = _amount(Decimal(0), _MOST_USD)
    try:
        return tuple((_text(glob), limit(amount)) for glob, amount in pairs)
    except (TypeError, ValueError):
        raise ValueError(accepted) from None


def _tenants(value: object) -> tuple[str, ...]:
    if not isinstance(value, (tuple, list, set, frozenset)) or len(value) > MOST_TENANTS:
        raise TypeError(f"a list of at most {MOST_TENANTS} names")
    return tuple(sorted(_text(name) for name in value))
