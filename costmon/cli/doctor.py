"""Check a setup, one finding after the other."""

import datetime as dt
import os
import random
import socket
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

from costmon.bootstrap.provider_connection import ProviderConnection
from costmon.cli.client import ServiceClient, ServiceError
from costmon.clock import Clock
from costmon.config import AccountSettings, Loaded, Settings
from costmon.config.reader import did_you_mean
from costmon.console.table import cell
from costmon.domain.poll import ReadingKind
from costmon.domain.resource import Gap
from costmon.domain.rule import described
from costmon.errors import (
    ChargeError,
    FailureReason,
    ProviderError,
    StoreDriverError,
    StoreError,
    StoreOutdatedError,
)
from costmon.logs import Redaction
from costmon.providers.base import Provider

Level = Literal["ok", "hint", "warn", "FAIL"]

# When this was written: a machine whose clock says less has lost its time.
_EARLIEST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_MOST_AHEAD = dt.timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        level: `FAIL` is what keeps the service from working.
        subject: What was looked at.
        text: What was found, and what to do.
        reason: Why a vendor could not be read; `None`: it could, or it was not about a vendor.
    """

    level: Level
    subject: str
    text: str
    reason: FailureReason | None = None


class Examination:
    """Looks at everything that the service needs, changing nothing."""

    def __init__(self, loaded: Loaded, clock: Clock) -> None:
        self._settings = loaded.settings
        self._warnings = loaded.warnings
        self._hints = loaded.hints
        self._clock = clock

    def findings(self, *, offline: bool) -> Iterator[Finding]:
        """Look at one thing after the other; `offline` leaves the vendors out.

        Raises:
            StoreDriverError: The driver of the configured database cannot be imported.
        """
        yield from self._configuration()
        yield self._time()
        yield self._state_directory()
        yield self._database()
        yield self._service()
        yield from self._rules()
        if self._settings.demo:
            yield Finding("ok", "accounts", "simulated by --demo")
            return
        for account in self._settings.accounts:
            if account.off_because is not None:
                text = f"it is off, because {account.off_because}; the other accounts are read"
                yield Finding("FAIL", account.name, text)
            elif offline:
                yield Finding("ok", account.name, "not asked (--offline)")
            else:
                yield from examine_account(account, self._settings, self._clock)

    def _configuration(self) -> Iterator[Finding]:
        names = ", ".join(account.name for account in self._settings.accounts)
        yield Finding("ok", "settings", f"all valid; accounts: {names}")
        for warning in self._warnings:
            yield Finding("warn", "settings", warning)
        for hint in self._hints:
            yield Finding("hint", "settings", hint)

    def _time(self) -> Finding:
        now = self._clock.now()
        if now < _EARLIEST:
            return Finding("FAIL", "clock", f"it shows {now:%Y-%m-%d}: set this machine's time")
        return Finding("ok", "clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")

    def _state_directory(self) -> Finding:
        path = self._settings.state_dir
        subject = "state"
        if not path.exists():
            above = next(parent for parent in path.absolute().parents if parent.exists())
            if not os.access(above, os.W_OK | os.X_OK):
                text = f"{path} cannot be created: {above} is not writable; set COSTMON_STATE_DIR"
                return Finding("FAIL", subject, text)
            return Finding("ok", subject, f"{path} will be created at the first start")
        if not path.is_dir():
            return Finding("FAIL", subject, f"{path} is not a directory; set COSTMON_STATE_DIR")
        if not os.access(path, os.W_OK | os.X_OK):
            return Finding("FAIL", subject, f"{path} is not writable by this user")
        return self._privacy(path, subject)

    def _privacy(self, path: Path, subject: str) -> Finding:
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            text = f"{path} is accessible to other users (mode {mode:04o}): chmod 700 {path}"
            return Finding("warn", subject, text)
        return Finding("ok", subject, f"{path} is private and writable")

    def _database(self) -> Finding:
        url = self._settings.database_url
        file = self._settings.state_dir / "costmon.db"
        if url == f"sqlite:///{file}" and not file.exists():
            return Finding("ok", "database", f"{file} will be created at the first start")
        from costmon.store.revisions import check_schema, current

        try:
            check_schema(url)
        except StoreDriverError:
            raise
        except StoreOutdatedError as error:
            return Finding("warn", "database", str(error))
        except StoreError as error:
            return Finding("FAIL", "database", str(error))
        return Finding("ok", "database", f"its schema is up to date ({current(url)})")

    def _rules(self) -> Iterator[Finding]:
        """Say of each rule what it compares, and whether anything is read for it."""
        read = {it.provider for it in self._settings.accounts if it.off_because is None}
        names = {it.name for it in self._settings.accounts if it.off_because is None}
        for rule in self._settings.rules:
            kind, _, value = rule.scope.partition(":")
            known = {"provider": read, "account": names}.get(kind)
            if known is None or value == "*" or value in known:
                yield Finding("ok", "rules", f"{rule.scope}: {described(rule)}")
            else:
                text = (
                    f"{rule.scope}: not collected, since no {kind} of this name is read"
                    f"{did_you_mean(value, known)}; the rule is kept"
                )
                yield Finding("hint", "rules", text)

    def _service(self) -> Finding:
        """Tell whether the service, another program or nothing listens on the port."""
        settings = self._settings
        try:
            health = ServiceClient(settings).get("/healthz").content
        except ServiceError as error:
            if _is_free(settings.host, settings.port):
                text = (
                    f"port {settings.port} on {settings.host} is free; no service is running there"
                )
                return Finding("ok", "port", text)
            return Finding("FAIL", "port", f"{error}; or set COSTMON_PORT to a free port")
        return Finding(
            "ok",
            "port",
            f"a service is running on {settings.port} (costmon {health.get('version')})",
        )


def examine_account(
    account: AccountSettings, settings: Settings, clock: Clock
) -> Iterator[Finding]:
    """Read once whatever the vendor can answer; each reading may fail by itself.

    Args:
        account: Whose credentials are tried.
        settings: The user's own prices for this vendor, and where requests are counted.
        clock: Tells the time.
    """
    try:
        yield from _examined(account, settings, clock)
    except Exception as error:  # noqa: BLE001 - a defect of one provider must not hide the others
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = (
            f"a defect of its provider: {type(error).__name__} in {place.filename}, line "
            f"{place.lineno}; please report it"
        )
        yield Finding("FAIL", account.name, text)


def _examined(account: AccountSettings, settings: Settings, clock: Clock) -> Iterator[Finding]:
    connection = ProviderConnection(
        account,
        settings.prices.get(account.provider, {}),
        clock=clock,
        rng=random.Random(),
        pause=lambda _seconds: False,  # a doctor does not wait and try again
        beat=lambda: None,
        state_dir=settings.state_dir,
    )
    readings: Mapping[ReadingKind, Callable[[Provider, str, dt.datetime], Iterator[Finding]]]
    readings = {"inventory": _inventory, "charges": _charges, "usage": _usage}
    failed = 0
    try:
        for kind in connection.readings:
            try:
                yield from readings[kind](connection.provider, account.name, clock.now())
            except ProviderError as error:
                failed += 1
                text = f"{kind}: {error} (reason: {error.reason})"
                yield Finding("FAIL", account.name, text, error.reason)
            except ChargeError as error:
                text = f"{kind}: {error} (reason: schema)"
                yield Finding("FAIL", account.name, text, "schema")
        if failed < len(connection.readings):
            yield from _write_access(connection.provider, account.name)
    finally:
        connection.close()


def _inventory(provider: Provider, account: str, now: dt.datetime) -> Iterator[Finding]:
    inventory = provider.inventory(account, now)
    count = len(inventory.resources)
    yield Finding("ok", account, f"the token works: {count} resources are visible")
    yield from _gaps(account, inventory.gaps)
    for failed in inventory.failed:
        text = f"{failed.kind}: {failed.message} (reason: {failed.reason})"
        yield Finding("FAIL", account, text, failed.reason)
    balance = inventory.balance
    if balance is not None and balance.generated_at > now + _MOST_AHEAD:
        text = "the vendor's clock is ahead of this machine's: check that its time is synchronised"
        yield Finding("warn", "clock", text)


def _charges(provider: Provider, account: str, now: dt.datetime) -> Iterator[Finding]:
    """Look at the newest window; the largest row is shown as the vendor wrote it, for its unit."""
    # As at the first read, whatever is stored; no window after the newest is asked for.
    window = next(provider.charges(account, now, None), None)
    if window is None:
        yield Finding("ok", account, "charges: none")
        return
    totals: dict[str, Decimal] = {}
    for charge in window.charges:
        currency = charge.billing_currency
        totals[currency] = totals.get(currency, Decimal(0)) + charge.billed_cost
    billed = " + ".join(f"{total:f} {currency}" for currency, total in totals.items()) or "nothing"
    text = (
        f"charges: {billed} in {len(window.charges)} rows since {window.start:%Y-%m-%d}"
        f" ({window.day_zone} days)"
    )
    if window.complete_through is not None:
        text += f", complete before {window.complete_through:%Y-%m-%d}"
    yield Finding("ok", account, text)
    largest = max(window.charges, key=lambda charge: abs(charge.billed_cost), default=None)
    if largest is not None and largest.raw is not None:
        amount = f"{largest.billed_cost:f} {largest.billing_currency}"
        yield Finding("ok", account, f"charges: {amount} is the largest row, from {largest.raw}")
    yield from _gaps(account, window.gaps)


def _usage(provider: Provider, account: str, now: dt.datetime) -> Iterator[Finding]:
    reading = provider.usage(account, now)
    quantities = ", ".join(f"{one.quota} {one.used:f} {one.unit}" for one in reading.quantities)
    yield Finding("ok", account, f"usage: {quantities or 'no quantities'}")
    yield from _gaps(account, reading.gaps)


def _write_access(provider: Provider, account: str) -> Iterator[Finding]:
    try:
        warnings = provider.write_access()
    except ProviderError:
        return  # a token that only reads is often refused here: then nothing is known
    for text in warnings:
        yield Finding("warn", account, f"can write: {text}")


def _gaps(account: str, gaps: Iterable[Gap]) -> Iterator[Finding]:
    for gap in gaps:
        yield Finding("warn", account, f"{gap.kind}: {gap.reason}")


def line(finding: Finding, redaction: Redaction) -> str:
    """Return a finding as it is printed, without secrets and control characters."""
    text = cell(redaction.text(finding.text), widest=400)
    return f"{finding.level:4}  {finding.subject:14}  {text}"


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
