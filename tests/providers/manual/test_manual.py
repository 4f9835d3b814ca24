"""What the `[[manual]]` tables become: charges and balances, without a request."""

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.bootstrap.provider_connection import ProviderConnection
from costmon.clock import SystemClock
from costmon.config import Settings
from costmon.config.file import FileSettings
from costmon.domain.charge_report import twelve_months
from costmon.domain.subscription import Subscription, add_months
from costmon.providers import catalog
from costmon.providers.base import ProviderSetup
from costmon.state.charges import charge_state, without_entry
from costmon.store import open_store
from costmon.store.migrate import upgrade
from costmon.testing import FakeClock, FakeOutbound

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)


def day(text):
    return dt.date.fromisoformat(text)


def entry(name="VPS", provider="ionos", amount="6.00", **more):
    given = {"service": name, "currency": "EUR", "per": "month", **more}
    return Subscription(name=name, provider=provider, amount=Decimal(amount), **given)


def manual(*entries):
    outbound = FakeOutbound({})
    setup = ProviderSetup(outbound=outbound, prices={}, options={"entries": entries})
    return catalog.create("manual", setup)


def windows(*entries, now=NOW):
    return list(manual(*entries).charges("manual", now, None))


def rows(*entries, now=NOW):
    found = [row for window in windows(*entries, now=now) for row in window.charges]
    return sorted(found, key=lambda row: row.charge_period_start)


def test_the_charges_of_a_month_have_the_date_of_their_day():
    charged = rows(entry(), now=NOW)

    last = charged[-1]
    assert len(charged) == 13
    assert (last.charge_period_start.date(), last.charge_period_end.date()) == (
        day("2026-11-01"),
        day("2026-12-01"),
    )
    assert (last.billed_cost, last.effective_cost, last.billing_currency, last.basis) == (
        Decimal("6.00"),
        Decimal("6.00"),
        "EUR",
        "manual",
    )
    assert {row.charge_category for row in charged} == {"Purchase"}


def test_what_is_charged_later_this_month_is_not_yet_there():
    before, after = (
        rows(entry(since=day("2026-10-22")), now=NOW.replace(day=number)) for number in (21, 22)
    )

    assert [str(row.charge_period_start.date()) for row in before] == ["2026-10-22"]
    assert len(after) == 2


def test_a_years_fee_is_billed_on_its_day_and_spread_over_its_months():
    charged = rows(entry("domain", "ovh", "10.00", per="year", renews_on=day("2026-03-15")))

    (fee,) = (row for row in charged if row.billed_cost)
    assert (fee.charge_period_start.date(), fee.charge_period_end.date()) == (
        day("2026-03-15"),
        day("2027-03-15"),
    )
    assert (fee.billed_cost, fee.effective_cost) == (Decimal("10.00"), 0)
    shares = [row for row in charged if not row.billed_cost]
    assert [str(row.charge_period_start.date()) for row in shares] == [
        "2025-11-15",  # of the year before
        "2025-12-15",
        "2026-01-15",
        "2026-02-15",
        *(f"2026-{month:02}-15" for month in range(3, 12)),
    ]
    assert {row.effective_cost for row in shares} <= {
        Decimal("0.833333333"),
        Decimal("0.833333334"),
    }


@given(
    amount=st.decimals(0, 100_000, allow_nan=False, places=2),
    start=st.dates(dt.date(2025, 2, 1), dt.date(2025, 11, 21)),
)
def test_the_shares_of_a_year_add_up_to_its_fee(amount, start):
    now = dt.datetime.combine(add_months(start, 12), dt.time(), dt.UTC)
    one = entry(amount=str(amount), per="year", since=start, until=add_months(start, 12))

    charged = rows(one, now=now)

    assert sum(row.billed_cost for row in charged) == amount
    assert sum(row.effective_cost for row in charged) == amount
    assert len({row.source_row_key for row in charged}) == len(charged) == 13


def test_each_vendor_has_this_month_and_the_past_of_which_only_what_is_unread_is_taken():
    found = windows(entry(), entry("domain", "ovh"), entry("mail", note="two boxes"))

    november = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    assert [
        (it.provider, it.intake, it.only_unread, it.start, it.end, it.complete_through)
        for it in found
    ] == [
        ("ionos", "replace", False, november, NOW, NOW.replace(hour=0)),
        ("ovh", "replace", False, november, NOW, NOW.replace(hour=0)),
        ("ionos", "restate", True, november.replace(year=2025), november, november),
        ("ovh", "restate", True, november.replace(year=2025), november, november),
    ]
    assert {(window.account, window.day_zone) for window in found} == {("manual", "UTC")}
    assert {row.service_name for row in found[0].charges} == {"VPS", "mail"}
    assert "two boxes" in {row.charge_description for row in found[0].charges}


class Ledger:
    """A real ledger that is read as the service would, with the entries of the moment."""

    def __init__(self, path):
        url = f"sqlite:///{path}/costmon.db"
        upgrade(url)
        self.clock = FakeClock(NOW)
        self.store = open_store(url, clock=self.clock)
        self._token = self.store.claim("persister")

    def read(self, *entries):
        """Start with these entries: their windows, and the end of what is not among them."""
        now = self.clock.now()
        state = charge_state(self.store.charge_overview(now.date(), now), now)
        ended = without_entry(state, "manual", {it.provider for it in entries}, now)
        for window in (*ended, *windows(*entries, now=now)):
            self.store.record_charges(window, self._token)

    def months(self, provider="ionos"):
        """Return what is billed of a vendor, by month."""
        totals = self.store.charges(twelve_months(self.clock.now().date()))
        return {
            total.group[:7]: total.billed
            for total in totals
            if total.provider == provider and total.billed
        }


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path)
    yield made
    made.store.close()


def test_another_price_counts_from_this_month_on(ledger):
    ledger.read(entry(since=day("2026-09-15")))
    ledger.read(entry(amount="7.50", since=day("2026-09-15")))

    assert ledger.months() == {
        "2026-09": Decimal("6.00"),
        "2026-10": Decimal("6.00"),
        "2026-11": Decimal("7.50"),
    }


def test_an_entry_that_is_removed_keeps_its_past_and_ends_with_this_month(ledger):
    both = entry(since=day("2026-10-05")), entry("mail", amount="1.00", since=day("2026-10-05"))
    ledger.read(*both, entry("domain", "ovh"))
    ledger.read(both[0])

    assert ledger.months() == {"2026-10": Decimal("7.00"), "2026-11": Decimal("6.00")}
    assert "2026-10" in ledger.months("ovh")
    assert "2026-11" not in ledger.months("ovh")


def test_without_any_entry_the_past_stays(ledger):
    ledger.read(entry(since=day("2026-10-05")))
    ledger.read()

    assert ledger.months() == {"2026-10": Decimal("6.00")}


def test_an_entry_of_a_new_vendor_has_its_past_filled_in(ledger):
    ledger.read(entry())
    ledger.read(entry(), entry("domain", "ovh", since=day("2026-10-05")))

    assert ledger.months("ovh") == {"2026-10": Decimal("6.00"), "2026-11": Decimal("6.00")}


def test_months_in_which_costmon_did_not_run_are_filled_in(ledger):
    ledger.read(entry(since=day("2026-10-25")))
    ledger.clock.advance(70 * 86_400)
    ledger.read(entry(since=day("2026-10-25"), amount="7.50"))

    assert ledger.months() == {
        "2026-10": Decimal("6.00"),
        "2026-11": Decimal("7.50"),  # the 25th came after the first read
        "2026-12": Decimal("7.50"),
        "2027-01": Decimal("7.50"),
    }


def test_currencies_stay_apart():
    charged = rows(entry(), entry("plan", currency="JPY", amount="8000"))

    assert {(row.billing_currency, row.billed_cost) for row in charged} == {
        ("EUR", Decimal("6.00")),
        ("JPY", Decimal(8000)),
    }


@pytest.mark.parametrize(
    ("more", "starts"),
    [
        ({"per": "week", "since": day("2026-11-05")}, ["2026-11-05", "2026-11-12", "2026-11-19"]),
        ({"per": "once", "since": day("2026-11-21")}, ["2026-11-21"]),
        ({"per": "once", "since": day("2026-11-22")}, []),
        ({"per": "once", "since": day("2024-01-01")}, []),
    ],
)
def test_other_periods(more, starts):
    assert [str(row.charge_period_start.date()) for row in rows(entry(**more))] == starts


def test_a_trial_costs_nothing_until_it_begins_to():
    assert rows(entry(since=day("2026-12-10"))) == []


def test_at_midnight_nothing_of_the_new_day_is_there():
    midnight = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)

    assert rows(entry(), now=midnight)[-1].charge_period_start.month == 10
    assert rows(entry(), now=midnight + dt.timedelta(seconds=1))[-1].charge_period_start.month == 11


def test_a_prepaid_balance_is_a_quantity_with_a_limit():
    prepaid = entry("credits", "anthropic", balance=Decimal(50), used=Decimal("12.5"))

    reading = manual(prepaid, entry(), entry("x", balance=Decimal(5))).usage("manual", NOW)

    (found,) = reading.quantities
    assert (found.quota, found.unit, found.used, found.limit) == (
        "prepaid_balance",
        "EUR",
        Decimal("12.5"),
        Decimal(50),
    )
    assert (found.project, found.resets_at, found.estimated) == ("anthropic: credits", None, True)


def test_the_account_of_the_file_is_connected_like_any_other_and_asks_nobody():
    file = FileSettings(manual=(entry(),))
    (account,) = Settings.from_env({}, providers=catalog.declarations(), file=file).accounts

    connection = ProviderConnection(
        account,
        {},
        clock=SystemClock(),
        rng=random.Random(1),
        pause=lambda _seconds: False,
        beat=lambda: None,
        state_dir=Path(),
    )
    found = list(connection.provider.charges(account.name, NOW, None))
    connection.close()

    assert {window.provider for window in found} == {"ionos"}
    assert connection.take_counts() == (0, ())


def test_without_entries_there_is_nothing():
    assert windows() == []
    assert manual().usage("manual", NOW).quantities == ()
