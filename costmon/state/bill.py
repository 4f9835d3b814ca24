"""The bill of the month over all accounts in one currency, and of the eleven months before.

The page, `GET /api/v1/summary` and `costmon costs` show what is computed here.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from costmon.domain.charge_report import ChargeTotal, Restatement, twelve_months
from costmon.domain.fx import Rates
from costmon.domain.money import EXACT
from costmon.domain.period import month_of
from costmon.domain.resource import Basis, Gap
from costmon.state.accounts import usage_is_of_month
from costmon.state.charge_freshness import ChargeReading, charge_readings, is_reported
from costmon.state.charges import ChargeState
from costmon.state.freshness import ProviderState, account_state, trouble
from costmon.state.value import AccountState

AmountKind = Literal["billed", "metered", "estimated", "manual"]
AMOUNT_KINDS: tuple[AmountKind, ...] = get_args(AmountKind)
Amounts = Mapping[AmountKind, Decimal]

_KIND_OF: Mapping[Basis, AmountKind] = {
    "billed": "billed",
    "metered": "metered",
    "list_price": "estimated",
    "plan": "estimated",
    "manual": "manual",
}
_NOT_REPORTED = "the vendor has not reported anything of this month yet"
_NOT_LOADED = "what was charged has not been loaded from the database yet"
_NOT_READ = "the first read has not ended yet"
_NOT_IN_LEDGER = "when its charges were read is not known"
_NO_CHARGES = "costmon cannot read charges of this vendor"


class Sum(NamedTuple):
    """An amount in the currency of totals, and what is not in it.

    Attributes:
        amount: The sum of `by_kind`. `None`: nothing of it is known, which is not 0.
        by_kind: How the parts are known; a kind of which there is nothing is absent.
        left_out: Amounts in currencies that have no exchange rate, by currency.
        rates: What was converted, for people to check: `1 EUR = 1.08 USD (ECB, 2026-11-20)`.
    """

    amount: Decimal | None
    by_kind: Amounts
    left_out: Mapping[str, Decimal]
    rates: tuple[str, ...]


UNKNOWN = Sum(amount=None, by_kind={}, left_out={}, rates=())


class AccountBill(NamedTuple):
    """What one account has cost this month.

    Attributes:
        account: The account's name.
        provider: The vendor's slug; an account such as `manual` has an entry for each vendor.
        state: How reading it goes, in a word.
        reason: Why it is unknown or not fresh; `None` when it is known and fresh.
        source: What it is from: charges in the ledger, or what exists now; `None` when unknown.
        native: In the currencies of the bill.
        total: In the currency of totals.
        observed_at: When it was read, aware UTC; `None`: never.
        last_complete_day: The vendor adds only corrections to it and the days before; `None` when
            the vendor has never said.
        gaps: What could not be seen of its charges.
    """

    account: str
    provider: str
    state: ProviderState
    reason: str | None
    source: Literal["ledger", "inventory"] | None
    native: Mapping[str, Amounts]
    total: Sum
    observed_at: dt.datetime | None
    last_complete_day: dt.date | None
    gaps: tuple[Gap, ...]

    @property
    def label(self) -> str:
        """Return the account's name, and its vendor where that is another."""
        return label(self.account, self.provider)


class MonthBill(NamedTuple):
    """What all accounts cost in one month.

    Attributes:
        month: Its first day.
        total: In the currency of totals.
        unknown: Accounts of which the month, or a part of it, is not known.
    """

    month: dt.date
    total: Sum
    unknown: tuple[str, ...]


class Bill(NamedTuple):
    """The month to date and the twelve months.

    Attributes:
        month: First day of the current month.
        currency: Of totals, ISO 4217.
        is_loaded: Whether the ledger has been read.
        total: The month to date over all accounts.
        unknown: Accounts that are not in it, since nothing of them is known.
        accounts: In the order of the configuration.
        months: The last twelve, the oldest first and the current one last.
        restatements: Of the last seven days, newest first.
    """

    month: dt.date
    currency: str
    is_loaded: bool
    total: Sum
    unknown: tuple[str, ...]
    accounts: tuple[AccountBill, ...]
    months: tuple[MonthBill, ...]
    restatements: tuple[Restatement, ...]

    @property
    def is_known(self) -> bool:
        """Tell whether anything of the current month is known."""
        return any(account.source is not None for account in self.accounts)


def label(account: str, provider: str) -> str:
    """Return an account's name, and its vendor where that is another."""
    return account if account == provider else f"{account} ({provider})"


def bill(
    charges: ChargeState,
    accounts: Sequence[AccountState],
    rates: Rates,
    currency: str,
    now: dt.datetime,
) -> Bill:
    """Return the bill as it is known at `now`.

    What the ledger has of an account is its bill. An account without charges in it is shown with
    the vendor's month-to-date figure, or what its resources have cost at list price: never both.

    Args:
        charges: What the vendors charged.
        accounts: The configured ones.
        rates: For charges in other currencies than `currency`.
        currency: Of totals.
        now: Aware UTC.
    """
    month = charges.today.replace(day=1)
    bills = tuple(_account_bills(charges, accounts, rates, currency, now))
    total = _together(one.total for one in bills)
    unknown = tuple(one.label for one in bills if one.source is None)
    return Bill(
        month=month,
        currency=currency,
        is_loaded=charges.is_loaded,
        total=total,
        unknown=unknown,
        accounts=bills,
        months=(
            *_past_months(charges, bills, rates, currency),
            MonthBill(month, total, unknown),
        ),
        restatements=charges.restatements,
    )


def _account_bills(
    charges: ChargeState,
    accounts: Sequence[AccountState],
    rates: Rates,
    currency: str,
    now: dt.datetime,
) -> Iterator[AccountBill]:
    month = charges.today.replace(day=1)
    native: dict[tuple[str, str], dict[str, dict[AmountKind, Decimal]]] = {}
    for total in charges.by_service:
        of_account = native.setdefault((total.account, total.provider), {})
        _add(of_account, total)
    readings: dict[str, list[ChargeReading]] = {}
    for reading in charge_readings(charges, accounts, now):
        readings.setdefault(reading.account, []).append(reading)

    for account in accounts:
        found = readings.pop(account.name, [])
        if not any(reading.observed_at for reading in found):
            yield _without_charges(account, charges, rates, currency, now)
            continue
        for reading in found:
            amounts = native.pop((reading.account, reading.provider), {})
            yield _with_charges(reading, amounts, month, rates, currency)
    # An account that is not configured any more is shown while it has cost something.
    gone = {(one.account, one.provider): one for found in readings.values() for one in found}
    for key, amounts in native.items():
        reading = gone.get(key) or ChargeReading(*key, "off", _NOT_IN_LEDGER, None, None, None, ())
        yield _with_charges(reading, amounts, month, rates, currency)


def _with_charges(
    reading: ChargeReading,
    native: Mapping[str, Amounts],
    month: dt.date,
    rates: Rates,
    currency: str,
) -> AccountBill:
    gap = next((gap.reason for gap in reading.gaps if gap.kind == "charges"), None)
    is_known = bool(native) or is_reported(reading, month)
    return AccountBill(
        account=reading.account,
        provider=reading.provider,
        state=reading.state,
        reason=reading.reason if is_known else gap or reading.reason or _NOT_REPORTED,
        source="ledger" if is_known else None,
        native=native,
        total=_converted(native, rates, currency) if is_known else UNKNOWN,
        observed_at=reading.observed_at,
        last_complete_day=reading.last_complete_day,
        gaps=reading.gaps,
    )


def _without_charges(
    account: AccountState, charges: ChargeState, rates: Rates, currency: str, now: dt.datetime
) -> AccountBill:
    native = _of_inventory(account, charges.today.replace(day=1), now)
    stale = trouble(account, now)
    reason = stale.reason if stale else None
    if native is None and reason is None:
        reason = _why_unknown(account, charges)
    return AccountBill(
        account=account.name,
        provider=account.provider,
        state=account_state(account, now),
        reason=reason,
        source=None if native is None else "inventory",
        native=native or {},
        total=UNKNOWN if native is None else _converted(native, rates, currency),
        observed_at=account.inventory.observed_at if account.inventory else None,
        last_complete_day=None,
        gaps=(),
    )


def _why_unknown(account: AccountState, charges: ChargeState) -> str:
    if "charges" in account.readings:
        return _NOT_READ if charges.is_loaded else _NOT_LOADED
    return _NOT_REPORTED if "inventory" in account.readings else _NO_CHARGES


def _of_inventory(
    account: AccountState, month: dt.date, now: dt.datetime
) -> Mapping[str, Amounts] | None:
    """Return what an inventory says of the current month; `None` when it says nothing.

    Its figures are of months in UTC: for some hours people's month is another one.
    """
    inventory, in_utc = account.inventory, month_of(now)
    if inventory is None or month_of(inventory.observed_at) != in_utc:
        return None
    if in_utc.start.date() != month:
        return None
    balance = inventory.balance
    if balance is not None and usage_is_of_month(balance, now):
        return {balance.currency: {"billed": balance.month_to_date_usage}}
    if account.month_to_date_estimate is None:
        return None
    return {"USD": {"estimated": account.month_to_date_estimate}}


def _past_months(
    charges: ChargeState, bills: Sequence[AccountBill], rates: Rates, currency: str
) -> Iterator[MonthBill]:
    """Yield the eleven months before the current one."""
    by_month: dict[str, dict[str, dict[AmountKind, Decimal]]] = {}
    for total in charges.by_month:
        _add(by_month.setdefault(total.group, {}), total)
    since = {
        label(it.account, it.provider): it.known_since.astimezone(ZoneInfo(it.day_zone)).date()
        for it in charges.freshness
    }
    labels = tuple(dict.fromkeys((*since, *(one.label for one in bills))))
    month, current = twelve_months(charges.today).start, charges.today.replace(day=1)
    while month < current:
        unknown = tuple(name for name in labels if name not in since or since[name] > month)
        native = by_month.get(month.isoformat(), {})
        is_known = bool(native) or len(unknown) < len(labels)
        whole = _converted(native, rates, currency) if is_known else UNKNOWN
        yield MonthBill(month, whole, unknown)
        month = (month + dt.timedelta(days=32)).replace(day=1)


def _add(native: dict[str, dict[AmountKind, Decimal]], total: ChargeTotal) -> None:
    amounts, kind = native.setdefault(total.currency, {}), _KIND_OF[total.basis]
    amounts[kind] = EXACT.add(amounts.get(kind, Decimal()), total.billed)


def _converted(native: Mapping[str, Amounts], rates: Rates, currency: str) -> Sum:
    """Return the sum in `currency`; what cannot be converted is left out and named."""
    by_kind: dict[AmountKind, Decimal] = {}
    left_out: dict[str, Decimal] = {}
    notes: dict[str, None] = {}
    for code, amounts in native.items():
        for kind, amount in amounts.items():
            converted = rates.convert(amount, code, currency)
            if converted is None:
                left_out[code] = EXACT.add(left_out.get(code, Decimal()), amount)
                continue
            by_kind[kind] = EXACT.add(by_kind.get(kind, Decimal()), converted.amount)
            if converted.note is not None:
                notes[converted.note] = None
    is_known = bool(by_kind) or not left_out
    return Sum(_amount(by_kind) if is_known else None, by_kind, left_out, tuple(notes))


def _together(sums: Iterable[Sum]) -> Sum:
    """Return the sum of what is known; `None` when nothing is."""
    by_kind: dict[AmountKind, Decimal] = {}
    left_out: dict[str, Decimal] = {}
    notes: dict[str, None] = {}
    is_known = False
    for one in sums:
        is_known = is_known or one.amount is not None
        for kind, amount in one.by_kind.items():
            by_kind[kind] = EXACT.add(by_kind.get(kind, Decimal()), amount)
        for code, amount in one.left_out.items():
            left_out[code] = EXACT.add(left_out.get(code, Decimal()), amount)
        notes.update(dict.fromkeys(one.rates))
    return Sum(_amount(by_kind) if is_known else None, by_kind, left_out, tuple(notes))


def _amount(by_kind: Amounts) -> Decimal:
    total = Decimal()
    for amount in by_kind.values():
        total = EXACT.add(total, amount)
    return total
