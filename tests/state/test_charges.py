"""The published charges over the end of a day and of a month."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

from costmon.domain.charge_report import ChargeOverview, ChargeTotal
from costmon.state.charges import charge_state, nothing_known, on_day, without_entry
from costmon.testing.clock import START

NOVEMBER = dt.date(2026, 11, 30)


def total(group):
    return ChargeTotal(group, "acme", "acme", "USD", "billed", group, Decimal(1), Decimal(1), 1)


def overview():
    return ChargeOverview(
        today=NOVEMBER,
        by_service=(total("Compute"),),
        by_project=(total("web"),),
        by_day=(total("2026-11-30"),),
        by_month=(total("2025-12-01"), total("2026-01-01"), total("2026-11-01")),
        last_days=(),
        restatements=(),
        freshness=(),
    )


def test_the_state_says_when_it_was_read_and_what_of():
    state = charge_state(overview(), START)

    assert (state.published_at, state.today, state.is_loaded) == (START, NOVEMBER, True)
    assert state.by_month == overview().by_month


def test_another_day_of_the_month_keeps_the_month_to_date():
    state = charge_state(overview(), START)

    earlier = on_day(state, NOVEMBER - dt.timedelta(days=1))

    assert earlier.by_service == state.by_service
    assert on_day(state, NOVEMBER) is state


def test_a_new_month_begins_with_nothing_and_the_twelve_months_lose_the_oldest():
    state = on_day(charge_state(overview(), START), dt.date(2026, 12, 1))

    assert (state.by_service, state.by_project, state.by_day) == ((), (), ())
    assert [it.group for it in state.by_month] == ["2026-01-01", "2026-11-01"]


def test_a_new_year_keeps_the_last_eleven_months():
    state = on_day(charge_state(overview(), START), dt.date(2027, 1, 1))

    assert [it.group for it in state.by_month] == ["2026-11-01"]


def test_before_the_ledger_was_read_nothing_is_known_which_is_said():
    assert not nothing_known(START, NOVEMBER).is_loaded


def test_this_month_of_a_vendor_without_a_manual_entry_is_ended():
    def charged(provider, basis="manual", account="manual"):
        return total("VPS")._replace(account=account, provider=provider, basis=basis)

    rows = (
        charged("ionos"),
        charged("ionos"),
        charged("ovh"),
        charged("vercel", "billed"),
        charged("acme", account="work"),
    )
    state = replace(charge_state(overview(), START), by_service=rows)

    (window,) = without_entry(state, "manual", {"ovh"}, START)

    assert (window.account, window.provider, window.intake) == ("manual", "ionos", "replace")
    assert (window.start, window.end, window.charges) == (
        dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
        START,
        (),
    )
