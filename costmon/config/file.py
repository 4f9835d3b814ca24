"""Check `costmon.toml`: what is not a secret and too long for a variable.

Tables: `[[account]]`, `[[budget]]`, `[prices.<provider>]`, `[retention]`. Anything else is a fault,
since a misspelt table would otherwise be a setting that silently does nothing.
"""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from costmon.config import parsers
from costmon.config.budgets import read_budgets
from costmon.config.parsers import Refused
from costmon.config.providers import PROVIDERS
from costmon.config.tables import TableReader, shown
from costmon.domain.budget import Budget
from costmon.errors import Fault

T = TypeVar("T")

TABLES = ("account", "budget", "prices", "retention")
ACCOUNT_KEYS = ("provider", "name", "token_env", "api_url")
# What history keeps, one name for each kind of row; a test compares with the store.
RETENTION_TABLES = ("cycles", "intervals", "rollups", "guard_spend")
FOREVER = "forever"

_ACCOUNT_NAME = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_VARIABLE_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,99}", re.ASCII)
_PRICE_KEY = re.compile(r"[a-z_]{1,40}:[\x21-\x7e]{1,100}", re.ASCII)
_LONGEST_RETENTION_DAYS = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEntry:
    """One `[[account]]`, its token not yet read.

    Attributes:
        where: Its place in the file, such as `account[0]`.
        provider: The vendor's slug.
        name: The account's name.
        token_variable: The variable that holds the token.
        api_url: The base URL; `None` for the provider's.
    """

    where: str
    provider: str
    name: str
    token_variable: str
    api_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """What the file says, as far as it is right, and what is wrong with it.

    Attributes:
        accounts: In the order of the file.
        budgets: In the order of the file; each has its currency.
        prices: By provider, then by `kind:slug`: USD a month.
        retention: Days by table.
        faults: Everything that is wrong.
    """

    accounts: tuple[AccountEntry, ...] = ()
    budgets: tuple[Budget, ...] = ()
    prices: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    retention: Mapping[str, float] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    @property
    def token_variables(self) -> tuple[str, ...]:
        """Return the variables that the accounts name."""
        return tuple(entry.token_variable for entry in self.accounts)


NO_FILE = FileSettings()


def read_file(path: Path, *, required: bool) -> FileSettings:
    """Read and check a file; one that is not there is a fault only when `required`."""
    try:
        # parse_float keeps a price such as 12.10 exact.
        content = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except FileNotFoundError:
        if not required:
            return NO_FILE
        return _unreadable("COSTMON_CONFIG", path, "a file that exists")
    except OSError as error:
        return _unreadable("COSTMON_CONFIG", path, f"a readable file ({error.strerror})")
    except UnicodeDecodeError:
        return _unreadable(path.name, path, "a file in UTF-8")
    except tomllib.TOMLDecodeError as error:
        return _unreadable(path.name, path, f"valid TOML: {error}")
    return check_file(content)


def check_file(content: Mapping[str, object]) -> FileSettings:
    """Check the parsed content of a file."""
    read = _FileReader()
    read.known_keys("", content, TABLES, "table")
    accounts = read.accounts(content.get("account", []))
    budgets = read_budgets(read, content.get("budget", []))
    prices = read.prices(content.get("prices", {}))
    retention = read.retention(content.get("retention", {}))
    return FileSettings(
        accounts=accounts,
        budgets=budgets,
        prices=prices,
        retention=retention,
        faults=tuple(read.faults),
    )


def _unreadable(name: str, path: Path, accepted: str) -> FileSettings:
    return FileSettings(faults=(Fault(name=name, value=str(path), accepted=accepted),))


class _FileReader(TableReader):
    """Walks the tables and collects faults."""

    def accounts(self, tables: object) -> tuple[AccountEntry, ...]:
        listed = self.listed("account", tables)
        entries = (self._account(f"account[{n}]", table) for n, table in enumerate(listed))
        return tuple(entry for entry in entries if entry is not None)

    def _account(self, where: str, table: Mapping[str, object]) -> AccountEntry | None:
        self.known_keys(where, table, ACCOUNT_KEYS, "key of [[account]]")
        provider = self._text(where, table, "provider")
        if provider is not None and provider not in PROVIDERS:
            self.refuse(f"{where}.provider", provider, f"one of {', '.join(PROVIDERS)}")
            provider = None
        name = self._text(where, table, "name")
        if name is not None and _ACCOUNT_NAME.fullmatch(name) is None:
            self.refuse(f"{where}.name", name, "1 to 40 of a-z, 0-9 and -")
        token_variable = self._text(where, table, "token_env")
        if token_variable is not None and _VARIABLE_NAME.fullmatch(token_variable) is None:
            # Somebody may have put the token itself here: do not show it.
            self.refuse(
                f"{where}.token_env", "...", "the name of a variable such as DO_API_TOKEN_TEAM_B"
            )
            token_variable = None
        api_url = self._api_url(where, table)
        if provider is None or name is None or token_variable is None:
            return None
        return AccountEntry(
            where=where,
            provider=provider,
            name=name,
            token_variable=token_variable,
            api_url=api_url,
        )

    def _api_url(self, where: str, table: Mapping[str, object]) -> str | None:
        if "api_url" not in table:
            return None
        text = self._text(where, table, "api_url")
        try:
            return parsers.api_url(text) if text is not None else None
        except Refused as refused:
            self.refuse(f"{where}.api_url", shown(text), str(refused))
            return None

    def _text(self, where: str, table: Mapping[str, object], key: str) -> str | None:
        value = table.get(key)
        if not isinstance(value, str) or not value:
            self.refuse(f"{where}.{key}", shown(value), "a text in quotes; it is needed")
            return None
        return value

    def prices(self, tables: object) -> Mapping[str, Mapping[str, Decimal]]:
        found = {}
        for provider, table in self.table("prices", tables).items():
            where = f"prices.{provider}"
            if provider not in PROVIDERS:
                self.refuse_unknown(where, "...", [f"prices.{slug}" for slug in PROVIDERS], "table")
                continue
            prices = {}
            for key, value in self.table(where, table).items():
                price = self._price(f'{where}."{key}"', key, value)
                if price is not None:
                    prices[key] = price
            found[provider] = MappingProxyType(prices)
        return MappingProxyType(found)

    def _price(self, where: str, key: str, value: object) -> Decimal | None:
        if _PRICE_KEY.fullmatch(key) is None:
            self.refuse(where, shown(value), 'a key such as "droplet:s-1vcpu-1gb" (kind:size)')
            return None
        try:
            if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
                raise Refused("a price in USD a month, such as 12.00")  # noqa: TRY301 - one handler
            return parsers.amount(str(value))
        except Refused as refused:
            self.refuse(where, shown(value), str(refused))
            return None

    def retention(self, table: object) -> Mapping[str, float]:
        kept = self.table("retention", table)
        self.known_keys("retention", kept, RETENTION_TABLES, "key of [retention]")
        found = {}
        for key in RETENTION_TABLES:
            if key in kept:
                days = self._days(f"retention.{key}", kept[key])
                if days is not None:
                    found[key] = days
        return MappingProxyType(found)

    def _days(self, where: str, value: object) -> float | None:
        if value == FOREVER:
            return math.inf
        days = float(value) if isinstance(value, int | Decimal) else math.nan
        if isinstance(value, bool) or not 1 <= days <= _LONGEST_RETENTION_DAYS:
            accepted = f'days from 1 to {_LONGEST_RETENTION_DAYS}, or "{FOREVER}"'
            self.refuse(where, shown(value), accepted)
            return None
        return days
