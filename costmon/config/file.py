"""Check `costmon.toml`: what is not a secret and too long for a variable.

Tables: `[[account]]`, `[[budget]]`, `[[rule]]`, `[[quota]]`, `[[manual]]`, `[[custom]]`,
`[[channel]]`, `[[action]]`, `[fx]`, `[prices.<provider>]`, `[retention]`, `[detection]`,
`[[expected]]`. Anything else is a fault, since a misspelt table would otherwise silently do
nothing.
"""

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from costmon.config import parsers
from costmon.config.actions import ActionEntry, read_action_entries
from costmon.config.budgets import read_caps
from costmon.config.channels import ChannelEntry, read_entries
from costmon.config.custom import CustomEntry, read_custom
from costmon.config.detection import DEFAULT_DETECTION, DetectionSettings, read_detection
from costmon.config.limits import DEFAULT_FX, FxSettings, read_fx, read_quotas
from costmon.config.manual import read_manual
from costmon.config.parsers import Refused
from costmon.config.providers import ProviderInfo, Providers
from costmon.config.rules import read_rules
from costmon.config.tables import TableReader, shown
from costmon.domain.budget import Budget
from costmon.domain.cap import Cap, Quota
from costmon.domain.poll import ReadingKind
from costmon.domain.rule import Rule
from costmon.domain.subscription import Subscription
from costmon.errors import Fault

T = TypeVar("T")

TABLES = (
    "account",
    "budget",
    "rule",
    "quota",
    "manual",
    "custom",
    "channel",
    "action",
    "fx",
    "prices",
    "retention",
    "detection",
    "expected",
)
ACCOUNT_KEYS = ("provider", "name", "api_url")
INTERVAL_SUFFIX = "_interval"
ENV_SUFFIX = "_env"
# What history keeps, one name for each kind of row; a test compares with the store.
RETENTION_TABLES = ("cycles", "intervals", "rollups", "guard_spend", "charge_revisions")
FOREVER = "forever"

_ACCOUNT_NAME = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_VARIABLE_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,99}", re.ASCII)
_PRICE_KEY = re.compile(r"[a-z_]{1,40}:[\x21-\x7e]{1,100}", re.ASCII)
_LONGEST_RETENTION_DAYS = 36_500
_INTERVAL = parsers.duration(0.1, 30 * 86_400)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEntry:
    """One `[[account]]`, its credentials not yet read.

    Attributes:
        where: Its place in the file, such as `account[0]`.
        provider: The vendor's declaration.
        name: The account's name.
        variables: The variables that hold the credentials, by the credential's key; none: it is
            the vendor's default account, with the vendor's own variables.
        options: What else it says, by the option's key.
        api_url: The base URL; `None` for the provider's.
        intervals: Seconds between two reads, by the readings for which it says so.
    """

    where: str
    provider: ProviderInfo
    name: str
    variables: Mapping[str, str]
    options: Mapping[str, object]
    api_url: str | None
    intervals: Mapping[ReadingKind, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """What the file says, as far as it is right, and what is wrong with it.

    Attributes:
        accounts: In the order of the file.
        caps: The budgets, in the order of the file; each has its currency.
        rules: In the order of the file, scopes unique.
        quotas: In the order of the file.
        manual: In the order of the file.
        custom: In the order of the file.
        fx: The currency of totals, and the user's own exchange rates.
        channels: In the order of the file.
        actions: In the order of the file.
        prices: By provider, then by `kind:slug`: USD a month.
        retention: Days by table.
        detection: How spend is watched.
        faults: Everything that is wrong.
    """

    accounts: tuple[AccountEntry, ...] = ()
    caps: tuple[Cap, ...] = ()
    rules: tuple[Rule, ...] = ()
    quotas: tuple[Quota, ...] = ()
    manual: tuple[Subscription, ...] = ()
    custom: tuple[CustomEntry, ...] = ()
    fx: FxSettings = DEFAULT_FX
    channels: tuple[ChannelEntry, ...] = ()
    actions: tuple[ActionEntry, ...] = ()
    prices: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    retention: Mapping[str, float] = field(default_factory=dict)
    detection: DetectionSettings = DEFAULT_DETECTION
    faults: tuple[Fault, ...] = ()

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """Return the budgets that guards enforce."""
        return tuple(cap.budget for cap in self.caps if cap.enforce)

    @property
    def credential_variables(self) -> tuple[str, ...]:
        """Return the variables that accounts, custom sources, channels and actions name."""
        entries = [entry.variables for entry in self.accounts]
        entries += [{**entry.variables, **entry.settings} for entry in self.custom]
        of_accounts = (name for variables in entries for name in variables.values())
        of_channels = (name for entry in self.channels for name in entry.variables.values())
        of_actions = (name for one in self.actions for name in (one.url_env, one.secret_env))
        return tuple(filter(None, (*of_accounts, *of_channels, *of_actions)))


NO_FILE = FileSettings()


def read_file(path: Path, providers: Providers, *, required: bool) -> FileSettings:
    """Read and check a file; one that is not there is a fault only when `required`."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        if not required:
            return NO_FILE
        return _unreadable("COSTMON_CONFIG", path, "an existing file")
    except OSError as error:
        return _unreadable("COSTMON_CONFIG", path, f"a readable file ({error.strerror})")
    except UnicodeDecodeError:
        return _unreadable(path.name, path, "a UTF-8 file")
    return check_text(text, path, providers)


def check_text(text: str, path: Path, providers: Providers) -> FileSettings:
    """Check the text of a file; `path` is for errors."""
    try:
        # parse_float keeps a price such as 12.10 exact.
        content = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        return _unreadable(path.name, path, f"valid TOML: {error}")
    return check_file(content, providers)


def check_file(content: Mapping[str, object], providers: Providers) -> FileSettings:
    """Check the parsed content of a file."""
    read = _FileReader(providers)
    read.known_keys("", content, TABLES, "table")
    accounts = read.accounts(content.get("account", []))
    caps = read_caps(read, content.get("budget", []))
    rules = read_rules(read, content.get("rule", []))
    quotas = read_quotas(read, content.get("quota", []), providers)
    manual = read_manual(read, content.get("manual", []))
    custom = read_custom(read, content.get("custom", []))
    fx = read_fx(read, content.get("fx", {}))
    channels = read_entries(read, content.get("channel", []))
    actions = read_action_entries(read, content.get("action", []))
    prices = read.prices(content.get("prices", {}))
    retention = read.retention(content.get("retention", {}))
    detection = read_detection(read, content.get("detection", {}), content.get("expected", []))
    return FileSettings(
        accounts=accounts,
        caps=caps,
        rules=rules,
        quotas=quotas,
        manual=manual,
        custom=custom,
        fx=fx,
        channels=channels,
        actions=actions,
        prices=prices,
        retention=retention,
        detection=detection,
        faults=tuple(read.faults),
    )


def _unreadable(name: str, path: Path, accepted: str) -> FileSettings:
    return FileSettings(faults=(Fault(name=name, value=str(path), accepted=accepted),))


class _FileReader(TableReader):
    """Walks the tables and collects faults."""

    def __init__(self, providers: Providers) -> None:
        super().__init__()
        self._providers = providers

    def accounts(self, tables: object) -> tuple[AccountEntry, ...]:
        listed = self.listed("account", tables)
        entries = (self._account(f"account[{n}]", table) for n, table in enumerate(listed))
        return tuple(entry for entry in entries if entry is not None)

    def _account(self, where: str, table: Mapping[str, object]) -> AccountEntry | None:
        slug = self._text(where, table, "provider")
        info = self._providers.find(slug)
        if info is not None and info.unusable:
            return self._unusable(where, table, info)
        if info is not None and not info.credentials:
            self.refuse(f"{where}.provider", info.slug, f"[[{info.slug}]] tables, and no account")
        if slug is not None and info is None:
            known = [one.slug for one in self._providers.infos if one.credentials]
            self.refuse(f"{where}.provider", slug, f"one of {', '.join(known)}")
        name = self._account_name(where, table)
        # Without a vendor it is not known what the account needs: accept what any of them has.
        possible = self._providers.infos if info is None else (info,)
        self.known_keys(
            where,
            table,
            (
                *ACCOUNT_KEYS,
                *(
                    credential.key + ENV_SUFFIX
                    for one in possible
                    for credential in one.credentials
                ),
                *(option.key for one in possible for option in one.options),
                *(reading + INTERVAL_SUFFIX for one in possible for reading in one.readings),
            ),
            "key of [[account]]",
        )
        variables = self._variables(where, table, info)
        options = self._options(where, table, info)
        api_url = self._parsed(where, table, "api_url", parsers.api_url)
        intervals = self._intervals(where, table, info)
        if info is None or name is None or variables is None:
            return None
        return AccountEntry(
            where=where,
            provider=info,
            name=name,
            variables=variables,
            options=options,
            api_url=api_url,
            intervals=intervals,
        )

    def _account_name(self, where: str, table: Mapping[str, object]) -> str | None:
        name = self._text(where, table, "name")
        if name is not None and _ACCOUNT_NAME.fullmatch(name) is None:
            self.refuse(f"{where}.name", name, "1 to 40 of a-z, 0-9 and -")
        return name

    def _unusable(
        self, where: str, table: Mapping[str, object], info: ProviderInfo
    ) -> AccountEntry | None:
        """Return an account of a package that cannot be used: its further keys are not known."""
        name = self._account_name(where, table)
        if name is None:
            return None
        given = (value for key, value in table.items() if key.endswith(ENV_SUFFIX))
        variables = {value: value for value in given if isinstance(value, str)}
        return AccountEntry(
            where=where, provider=info, name=name, variables=variables, options={}, api_url=None
        )

    def _variables(
        self, where: str, table: Mapping[str, object], info: ProviderInfo | None
    ) -> Mapping[str, str] | None:
        """Return the variables that hold the account's credentials; `None` when one is at fault."""
        names_any = any(key.endswith(ENV_SUFFIX) for key in table)
        if info is None:
            if not names_any:
                self._text(where, table, f"token{ENV_SUFFIX}")
            return None
        if not names_any and table.get("name") == info.slug:
            return {}
        found: dict[str, str] = {}
        before = len(self.faults)
        for credential in info.credentials:
            key = credential.key + ENV_SUFFIX
            if key not in table and not credential.required:
                continue
            name = self._text(where, table, key)
            if name is None:
                continue
            if _VARIABLE_NAME.fullmatch(name) is None:
                # Somebody may have put the token itself here: do not show it.
                example = f"{credential.name}_TEAM_B"
                self.refuse(f"{where}.{key}", "...", f"the name of a variable such as {example}")
            found[credential.key] = name
        return MappingProxyType(found) if len(self.faults) == before else None

    def _options(
        self, where: str, table: Mapping[str, object], info: ProviderInfo | None
    ) -> Mapping[str, object]:
        """Return what else the account says."""
        found = {}
        for option in info.options if info is not None else ():
            given = {key: _as_text(value) for key, value in table.items()}
            if option.number and isinstance(given.get(option.key), int):
                given[option.key] = str(given[option.key])
            value = self._parsed(where, given, option.key, option.parse)
            if value is not None:
                found[option.key] = value
        needed = info.needs_option if info is not None else ()
        if needed and not any(key in table for key in needed):
            self.refuse(
                f"{where}.{needed[0]}",
                "",
                f"is required{''.join(f', or {key}' for key in needed[1:])}",
            )
        return MappingProxyType(found)

    def _intervals(
        self, where: str, table: Mapping[str, object], info: ProviderInfo | None
    ) -> Mapping[ReadingKind, float]:
        """Return how often the account's readings are read, where it says so."""
        found: dict[ReadingKind, float] = {}
        for reading in info.readings if info is not None else ():
            key = reading + INTERVAL_SUFFIX
            seconds = table.get(key)
            if isinstance(seconds, int) and not isinstance(seconds, bool):
                table = {**table, key: str(seconds)}
            value = self._parsed(where, table, key, _INTERVAL)
            if value is not None:
                found[reading] = value
        return MappingProxyType(found)

    def _parsed(
        self, where: str, table: Mapping[str, object], key: str, parse: Callable[[str], T]
    ) -> T | None:
        """Return the value of a key that need not be there."""
        if key not in table:
            return None
        text = self._text(where, table, key)
        try:
            return parse(text) if text is not None else None
        except Refused as refused:
            self.refuse(f"{where}.{key}", shown(text), str(refused))
            return None

    def _text(self, where: str, table: Mapping[str, object], key: str) -> str | None:
        value = table.get(key)
        if value is None:
            self.refuse(f"{where}.{key}", "", "is required: give a text in quotes")
            return None
        if not isinstance(value, str) or not value:
            self.refuse(f"{where}.{key}", shown(value) or '""', "a text in quotes")
            return None
        return value

    def prices(self, tables: object) -> Mapping[str, Mapping[str, Decimal]]:
        found = {}
        for provider, table in self.table("prices", tables).items():
            where = f"prices.{provider}"
            if self._providers.find(provider) is None:
                known = [f"prices.{slug}" for slug in self._providers.slugs]
                self.refuse_unknown(where, known, "table")
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
            self.refuse(where, shown(value), 'a key such as "volume:gib" (kind:size)')
            return None
        try:
            if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
                raise Refused("a price in USD per month, such as 12.00")  # noqa: TRY301 - one handler
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


def _as_text(value: object) -> object:
    """Return the text that a variable would have for `true`, `false` and a list of texts."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return value
