"""Read the `[[manual]]` tables: what is paid at a fixed price that no API reports."""

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal

from costmon.config.parsers import Refused, one_of
from costmon.config.tables import TableEntry, TableReader, text_of
from costmon.domain.amount import amount_of, currency_of
from costmon.domain.subscription import Per, Subscription

MANUAL_KEYS = (
    "name",
    "provider",
    "service",
    "amount",
    "currency",
    "per",
    "since",
    "until",
    "renews_on",
    "cancel_by",
    "remind",
    "balance",
    "used",
    "used_on",
    "note",
)
_PROVIDER = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
_DAYS_BEFORE = re.compile(r"(\d{1,3})d", re.ASCII)
_NEEDED = "a value: it is needed"
_MOST_DAYS = 366
_EARLIEST, _LATEST = dt.date(2000, 1, 1), dt.date(2199, 12, 31)
_text = text_of(200)
_per: Callable[[str], Per] = one_of("week", "month", "year", "once")


def read_manual(read: TableReader, tables: object) -> tuple[Subscription, ...]:
    """Return the entries that are right, in their order; every one that is not is a fault."""
    found: dict[tuple[str, str], Subscription] = {}
    for number, table in enumerate(read.listed("manual", tables)):
        where = f"manual[{number}]"
        before = len(read.faults)
        read.known_keys(where, table, MANUAL_KEYS, "key of [[manual]]")
        entry = _Entry(read, where, table).subscription()
        if entry is None or len(read.faults) > before:
            continue
        if (entry.provider, entry.name) in found:
            accepted = "a name that no other [[manual]] of this vendor has"
            read.refuse(f"{where}.name", entry.name, accepted)
        found[entry.provider, entry.name] = entry
    return tuple(found.values())


class _Entry(TableEntry):
    """One table."""

    def subscription(self) -> Subscription | None:
        """Return the entry; `None`, and faults, when it lacks something."""
        name = self.value("name", _text, needed=_NEEDED)
        provider = self.value("provider", _slug, needed=_NEEDED)
        service = self.value("service", _text)
        amount = self.value("amount", _amount, needed=_NEEDED)
        currency = self.value("currency", currency_of, needed=_NEEDED)
        per = self.value("per", _period)
        since = self.value("since", _date)
        until = self.value("until", _date)
        renews_on = self.value("renews_on", _date)
        cancel_by = self.value("cancel_by", _cancel_by)
        remind = self.value("remind", _days)
        balance = self.value("balance", _amount)
        used = self.value("used", _amount)
        used_on = self.value("used_on", _date)
        note = self.value("note", _text)
        self._check_dates(per or "month", since, until)
        if used is not None and "balance" not in self.table:
            self.refuse("balance", "what was paid in advance: `used` is a part of it")
        if used_on is not None and (since is None or used is None or used_on <= since):
            self.refuse("used_on", "a day after `since`, on which `used` was seen")
        if name is None or provider is None or amount is None or currency is None:
            return None
        return Subscription(
            name=name,
            provider=provider,
            service=service or name,
            amount=amount,
            currency=currency,
            per=per or "month",
            since=since,
            until=until,
            renews_on=renews_on,
            cancel_by=cancel_by,
            remind_days=remind,
            balance=balance,
            used=used,
            used_on=used_on,
            note=note,
        )

    def _check_dates(self, per: Per, since: dt.date | None, until: dt.date | None) -> None:
        given = self.table.keys()
        if per == "once":
            if "renews_on" in given:
                self.refuse("renews_on", "nothing: what is paid once does not renew")
            if "since" not in given:
                self.refuse("since", "the day it is paid, such as 2026-03-15")
        elif per != "month" and not {"since", "renews_on"} & given:
            self.refuse("renews_on", f"a day on which it is charged: it is needed per {per}")
        if since is not None and until is not None and until <= since:
            self.refuse("until", "a day after `since`")


def _slug(value: object) -> str:
    if not isinstance(value, str) or _PROVIDER.fullmatch(value) is None:
        raise Refused('a vendor in 1 to 40 of a-z, 0-9, - and _, such as "figma"')
    return value


def _amount(value: object) -> Decimal:
    return amount_of(value)  # type: ignore[arg-type]  # it refuses anything but an amount


def _period(value: object) -> Per:
    return _per(value if isinstance(value, str) else "")


def _date(value: object) -> dt.date:
    day = value
    if isinstance(value, str):
        try:
            day = dt.date.fromisoformat(value)
        except ValueError:
            day = None
    if not isinstance(day, dt.date) or isinstance(day, dt.datetime):
        raise Refused("a date such as 2026-03-15")
    if not _EARLIEST <= day <= _LATEST:
        msg = f"a date from {_EARLIEST} to {_LATEST}"
        raise Refused(msg)
    return day


def _cancel_by(value: object) -> dt.date | int:
    days = _DAYS_BEFORE.fullmatch(value) if isinstance(value, str) else None
    if days is not None:
        return _days(int(days[1]))
    try:
        return _date(value)
    except Refused:
        raise Refused(
            'a date such as 2026-03-12, or days before the next charge such as "3d"'
        ) from None


def _days(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_DAYS:
        msg = f"a number of days from 0 to {_MOST_DAYS}"
        raise Refused(msg)
    return value
