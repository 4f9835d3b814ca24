"""Export what the vendors have charged to Prometheus.

Amounts in USD are those in USD, and those in other currencies that have a rate; what has none is
only in the metric of amounts in the currency of the bill. What is unknown has no sample.
"""

import datetime as dt
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from heapq import nlargest

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from costmon.domain.charge_report import ChargeTotal, Restatement
from costmon.domain.fx import Rates
from costmon.domain.period import month_of
from costmon.domain.resource import Basis
from costmon.export.prometheus import Encoder
from costmon.export.scopes import OTHER, Series
from costmon.state.accounts import usage_is_of_month
from costmon.state.charges import RESTATED_LATELY, ChargeState
from costmon.state.published import Published
from costmon.state.value import AccountState, Snapshot

MOST_SERVICES = 20
_USD = "USD"
_ACCOUNT = ("provider", "account")
_UP, _DOWN = "up", "down"
_MOST_FORMATS = 4
"""Formats that are kept ready; a client can ask for any number of versions."""

Amounts = dict[Series, Decimal]


class ChargeMetrics(Collector):
    """The metrics that depend on nothing but the charges: rendered once, when they are published.

    They may be thousands, and a vendor is asked once a day: a scrape only copies them.
    """

    def __init__(
        self,
        published: Published[ChargeState],
        charges: Callable[[], ChargeState],
        rates: Rates,
    ) -> None:
        """Render what is published from now on.

        Args:
            published: What has been charged.
            charges: Returns the same for today: after midnight it is another value until more is
                published.
            rates: For amounts in USD.
        """
        self._charges = charges
        self._rates = rates
        self._encoders: dict[str, Encoder] = {}
        self._newest = self._of_today = _Rendered(published.read(), rates)
        published.before_publishing(self._prepare)

    def collect(self) -> Iterator[Metric]:
        """Yield every family that has something to say."""
        return self._current().collect()

    @property
    def by_basis(self) -> Amounts:
        """Return the month to date in USD by account and basis."""
        return self._current().by_basis

    def text(self, content_type: str, encoder: Encoder) -> bytes:
        """Return all of them in a format."""
        rendered = self._current()
        if content_type not in rendered.texts:
            if len(self._encoders) >= _MOST_FORMATS:
                return encoder(rendered)
            self._encoders[content_type] = encoder
            rendered.texts[content_type] = encoder(rendered)
        return rendered.texts[content_type]

    def _current(self) -> "_Rendered":
        charges = self._charges()
        for rendered in (self._newest, self._of_today):
            if rendered.charges is charges:
                return rendered
        self._of_today = _Rendered(charges, self._rates)
        return self._of_today

    def _prepare(self, charges: ChargeState) -> None:
        """Render in the formats that have been asked for, in the thread of who publishes."""
        rendered = _Rendered(charges, self._rates)
        for content_type, encoder in tuple(self._encoders.items()):
            rendered.texts[content_type] = encoder(rendered)
        self._newest = rendered


class _Rendered(Collector):
    """What is made of one state of the charges."""

    def __init__(self, charges: ChargeState, rates: Rates) -> None:
        self.charges = charges
        self.texts: dict[str, bytes] = {}
        self._usd = {
            name: rates.convert(Decimal(1), name, _USD)
            for name in {it.currency for it in (*charges.by_service, *charges.by_month)}
            | {it.currency for day in charges.last_days for it in day.totals}
        }
        self.by_basis = self._sums(charges.by_service, _by_basis)

    def collect(self) -> Iterator[Metric]:
        """Yield every family that has something to say."""
        families = (self._day(), self._services(), _native(self.charges), self._months())
        return (family for family in families if family.samples)

    def _day(self) -> Metric:
        amounts: Amounts = {}
        # A complete day without charges cost 0 in each basis that the account is charged by.
        known = self._sums(self.charges.by_month, _by_basis)
        for day in self.charges.last_days:
            if not day.totals:
                of_account = (day.provider, day.account)
                amounts.update((it, Decimal()) for it in known if it[:-1] == of_account)
            amounts.update(self._sums(day.totals, _by_basis))
        return _gauge(
            "costmon_day_cost_usd",
            "Cost of the latest complete day of the vendor.",
            (*_ACCOUNT, "basis"),
            amounts,
        )

    def _services(self) -> Metric:
        by_account: dict[Series, dict[str, Decimal]] = {}
        for labels, amount in self._sums(self.charges.by_service, _by_service).items():
            by_account.setdefault(labels[:-1], {})[labels[-1]] = amount
        amounts: Amounts = {}
        for account, services in by_account.items():
            shown = set(nlargest(MOST_SERVICES, services, key=lambda name: (services[name], name)))
            for service, amount in services.items():
                labels = (*account, service if service in shown else OTHER)
                amounts[labels] = amounts.get(labels, Decimal()) + amount
        return _gauge(
            "costmon_service_month_to_date_cost_usd",
            "Cost since the month began of the most expensive services; all others are `other`.",
            (*_ACCOUNT, "service"),
            amounts,
        )

    def _months(self) -> Metric:
        return _gauge(
            "costmon_month_cost_usd",
            "Cost of each of the last twelve months, the current one included, with all "
            "restatements.",
            ("provider", "month"),
            self._sums(self.charges.by_month, _by_month),
        )

    def _sums(
        self, totals: Iterable[ChargeTotal], labels_of: Callable[[ChargeTotal], Series]
    ) -> Amounts:
        """Return sums in USD by labels, without the amounts that have no rate."""
        sums: Amounts = {}
        for total in totals:
            rate = self._usd[total.currency]
            if rate is not None:
                labels = labels_of(total)
                sums[labels] = sums.get(labels, Decimal()) + total.billed * rate.amount
        return sums


class ChargeCollector(Collector):
    """What depends on the charges and on accounts or time, read at every scrape."""

    def __init__(
        self,
        *,
        snapshot: Callable[[], Snapshot | None],
        charges: Callable[[], ChargeState],
        by_basis: Callable[[], Amounts],
        rates: Rates,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._snapshot = snapshot
        self._charges = charges
        self._by_basis = by_basis
        self._now = now
        self._restated = _Restated(rates, now())

    def collect(self) -> Iterator[Metric]:
        """Yield every family that has something to say."""
        snapshot = self._snapshot()
        accounts = snapshot.accounts if snapshot else ()
        families = (self._month_to_date(accounts), self._restatements(accounts))
        return (family for family in families if family.samples)

    def _month_to_date(self, accounts: Sequence[AccountState]) -> Metric:
        amounts = dict(self._by_basis())
        for labels, amount in _of_inventories(accounts, self._now()):
            # The ledger's figure is the newer one of an account that has both.
            amounts.setdefault(labels, amount)
        return _gauge(
            "costmon_month_to_date_cost_usd",
            "Cost since the month began, by how the amount is known. Absent when unknown.",
            (*_ACCOUNT, "basis"),
            amounts,
        )

    def _restatements(self, accounts: Sequence[AccountState]) -> Metric:
        providers = {account.provider for account in accounts if "charges" in account.readings}
        family = CounterMetricFamily(
            "costmon_restated_cost_usd",
            "Changes that vendors made to amounts already reported, as positive numbers, since "
            "costmon started.",
            labels=("provider", "direction"),
            unit="usd",
        )
        for labels, amount in self._restated.count(self._charges(), providers).items():
            family.add_metric(labels, float(amount))
        return family


class _Restated:
    """Adds up restatements, each once, from those of the last days that are published."""

    def __init__(self, rates: Rates, since: dt.datetime) -> None:
        self._rates = rates
        self._since = since
        self._lock = threading.Lock()
        self._seen: set[Restatement] = set()
        self._sums: Amounts = {}

    def count(self, charges: ChargeState, providers: Iterable[str]) -> Amounts:
        """Return the sums by provider and direction; those of `providers` begin with 0."""
        with self._lock:
            for provider in sorted(providers):
                for direction in (_UP, _DOWN):
                    self._sums.setdefault((provider, direction), Decimal())
            for restated in charges.restatements:
                if restated.observed_at >= self._since and restated not in self._seen:
                    self._seen.add(restated)
                    self._add(restated)
            oldest = charges.published_at - 2 * RESTATED_LATELY
            self._seen = {one for one in self._seen if one.observed_at >= oldest}
            return dict(self._sums)

    def _add(self, restated: Restatement) -> None:
        converted = self._rates.convert(restated.billed_delta, restated.currency, _USD)
        if converted is not None:
            labels = (restated.provider, _UP if converted.amount > 0 else _DOWN)
            self._sums[labels] = self._sums.get(labels, Decimal()) + abs(converted.amount)


def _of_inventories(
    accounts: Iterable[AccountState], now: dt.datetime
) -> Iterator[tuple[Series, Decimal]]:
    """Yield what inventories say of the month: the vendor's balance, and our list prices."""
    for account in accounts:
        inventory = account.inventory
        if inventory is None or month_of(inventory.observed_at) != month_of(now):
            continue
        balance = inventory.balance
        if balance and balance.currency == _USD and usage_is_of_month(balance, now):
            yield (account.provider, account.name, "billed"), balance.month_to_date_usage
        if account.month_to_date_estimate is not None:
            yield (account.provider, account.name, "list_price"), account.month_to_date_estimate


def _native(charges: ChargeState) -> Metric:
    amounts: Amounts = {}
    for total in charges.by_service:
        labels = (total.provider, total.account, total.currency)
        amounts[labels] = amounts.get(labels, Decimal()) + total.billed
    return _gauge(
        "costmon_native_month_to_date_cost",
        "Cost since the month began in the currency of the bill. Never add up different "
        "currencies.",
        (*_ACCOUNT, "currency"),
        amounts,
        unit="",
    )


def _by_basis(total: ChargeTotal) -> Series:
    return (total.provider, total.account, _shown_basis(total.basis))


def _by_service(total: ChargeTotal) -> Series:
    return (total.provider, total.account, total.group)


def _by_month(total: ChargeTotal) -> Series:
    return (total.provider, total.group[:7])


def _shown_basis(basis: Basis) -> str:
    """Return the label of a charge: one that we computed from usage is not the live resources'."""
    return "estimated" if basis == "list_price" else basis


def _gauge(
    name: str, text: str, labels: Sequence[str], amounts: Amounts, *, unit: str = "usd"
) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels, unit=unit)
    for values, amount in amounts.items():
        family.add_metric(values, float(amount))
    return family
