"""What metered applications have cost between two looks, with the counters that meters report."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.finding import Series
from costmon.meter.options import Options
from costmon.state.metered_spend import (
    MOST_ENDPOINTS,
    MOST_KNOWN,
    RISEN_SHARE,
    from_bytes,
    listed_rates,
    looked,
    to_bytes,
)
from tests.meter.sample import row, snapshot

START = dt.datetime(2026, 11, 2, 10, tzinfo=dt.UTC)
BUCKET = dt.timedelta(minutes=5)
APP, USERS, REPORT = (
    Series(scope, "USD") for scope in ("app:shop", "endpoint:shop GET /u", "endpoint:shop GET /r")
)
RATES = listed_rates(Options())
assert RATES is not None
CPU_SECOND = RATES.cpu_usd_per_second


def used(seconds, route="/u"):
    """Return a row of requests that have taken so much CPU, and sent nothing."""
    return row(route, cpu_ms=[seconds * 1000], bytes_out=0)


def shop(*rows, began=START - 10 * BUCKET, **changes):
    return snapshot(*rows, started_at=began.timestamp(), **changes)


def look(*steps):
    """Return what each look finds; a step is the number of its bucket and the snapshots."""
    before, found = None, []
    for number, *services in steps:
        before, spent = looked(before, services, START + number * BUCKET, 300)
        before = from_bytes(to_bytes(before))
        found.append({series: (one.amount, one.late) for series, one in spent.items()})
    return found


def cost(seconds):
    return Decimal(seconds) * CPU_SECOND


def test_the_first_look_says_nothing_about_when_it_was_used():
    assert look((0, shop(used(1000)))) == [{}]


def test_a_rise_is_what_the_application_and_its_endpoint_have_cost():
    first, second = look((0, shop(used(10), used(5, "/r"))), (1, shop(used(13), used(5, "/r"))))

    assert first == {}
    assert second == {APP: (cost(3), 0), USERS: (cost(3), 0)}


def test_an_endpoint_that_appears_has_cost_all_that_it_shows():
    _, second = look((0, shop(used(10))), (1, shop(used(10), used(4, "/r"))))

    assert second == {APP: (cost(4), 0), REPORT: (cost(4), 0)}


def test_what_was_used_in_a_longer_time_is_spread_over_it():
    _, second = look((0, shop(used(10))), (4, shop(used(18))))

    assert second.keys() == {APP, USERS}
    assert [round(amount, 15) for amount in second[APP]] == [
        round(cost(seconds), 15) for seconds in (2, 6)
    ]


@pytest.mark.parametrize(
    ("began", "found"),
    [(START + BUCKET / 2, {APP: (cost(2), 0), USERS: (cost(2), 0)}), (START - BUCKET, {})],
)
def test_counters_that_begin_again_have_risen_by_what_they_show_if_all_of_it_is_new(began, found):
    again = shop(used(2), recording="r2", began=began)

    assert look((0, shop(used(100))), (1, again))[1] == found


def test_a_counter_that_falls_within_its_recording_rises_only_beyond_what_it_was():
    steps = [(n, shop(used(seconds))) for n, seconds in enumerate((10, 4, 9, 12))]

    assert [found.get(APP) for found in look(*steps)] == [None, None, None, (cost(2), 0)]


def test_an_application_without_a_price_has_no_series_and_others_have():
    lost = Options(service="lost", port=None, region="mars-1")

    _, second = look(
        (0, shop(used(1)), shop(used(1), service="lost", options=lost)),
        (1, shop(used(2)), shop(used(2), service="lost", options=lost)),
    )

    assert second.keys() == {APP, USERS}


def test_the_number_of_series_is_bounded_and_one_that_runs_away_has_its_own():
    routes = [used(100 + n, f"/{n}") for n in range(MOST_KNOWN + 100)]
    risen = [used(101 + n, f"/{n}") for n in range(1, MOST_KNOWN + 100)]
    # The cheapest endpoint that is still known runs away; it is not among those with the most CPU.
    burning = f"/{100}"
    risen[99] = used(100_000, burning)

    _, second = look((0, shop(*routes)), (1, shop(routes[0], *risen)))

    endpoints = [it.scope for it in second if it.scope.startswith("endpoint:")]
    assert len(endpoints) <= MOST_ENDPOINTS + RISEN_SHARE
    assert f"endpoint:shop GET {burning}" in endpoints


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20), st.data())
def test_whatever_is_looked_at_how_often_the_same_is_spent_in_all(rises, data):
    totals = [sum(rises[: n + 1]) for n in range(len(rises))]
    places = st.sampled_from(range(len(totals)))
    looks = sorted({0, len(totals) - 1, *data.draw(st.lists(places))})

    found = look(*((n, shop(used(totals[n]))) for n in looks))

    spent = sum((sum(one[APP]) for one in found if APP in one), Decimal())
    assert spent == pytest.approx(cost(totals[-1] - totals[0]))


@pytest.mark.parametrize("state", [b"", b"x", to_bytes(looked(None, [], START, 300)[0])[:-4]])
def test_a_damaged_state_is_refused(state):
    with pytest.raises(ValueError, match="not a state of metered applications"):
        from_bytes(state)
