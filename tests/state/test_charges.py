"""The published charges over the end of a day and of a month."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from costmon.domain.charge_report import ChargeOverview, ChargeTotal
from costmon.state.charges import charge_state, falls_to_zero, nothing_known, on_day, without_entry
from costmon.testing.clock import START
from tests.store import charges

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


def known(*groups, amount="1", basis="billed"):
    rows = tuple(
        total(group)._replace(billed=Decimal(amount), effective=Decimal(amount), basis=basis)
        for group in groups
    )
    return replace(charge_state(overview(), START), by_month=rows)


def seen(*rows, month=11, **facts):
    start = charges.day(1, month=month)
    following = start + dt.timedelta(days=30 + month % 2)
    times = {"start": start, "end": following, "observed_at": START, **facts}
    return charges.window(*rows, account="acme", provider="acme", intake="replace", **times)


@pytest.mark.parametrize(
    ("state", "window", "falls"),
    [
        (known("2026-11-01"), seen(end=START), True),
        (known("2026-11-01"), seen(charges.charge("a", "0.00"), end=START), True),
        (known("2026-11-01"), seen(charges.charge("a", "0.01"), end=START), False),
        (known("2026-11-01"), seen(charges.charge("a", "-3"), end=START), False),
        (known("2026-11-01", amount="0"), seen(end=START), False),
        (known("2026-11-01", basis="manual"), seen(end=START), False),
        (known(), seen(end=START), False),
        (nothing_known(START, NOVEMBER), seen(end=START), False),
        (known("2026-11-01"), seen(month=10, end=charges.day(1)), False),
        (known("2026-10-01"), seen(month=10, end=charges.day(1)), True),
        (known("2026-10-01"), seen(month=10, end=charges.day(15, month=10)), False),
        (known("2026-11-01"), seen(start=charges.day(10), end=START), False),
        (
            known("2026-11-01"),
            seen(
                start=dt.datetime(2026, 11, 1, 7, tzinfo=dt.UTC),
                end=START,
                day_zone="America/Los_Angeles",
            ),
            True,
        ),
    ],
    ids=[
        "no rows",
        "all 0",
        "one is left",
        "a credit",
        "nothing was charged",
        "written by hand",
        "nothing known of the account",
        "nothing read yet",
        "another month was charged",
        "a whole month before",
        "a part of a month before",
        "a part of this month",
        "the vendor's month",
    ],
)
def test_a_fall_of_all_that_was_charged_to_zero_is_seen(state, window, falls):
    assert falls_to_zero(state, window) is falls
