import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from costmon.api.history import LONGEST, parse_query
from costmon.api.queries import QueryError
from costmon.domain.history import HistoryRow
from costmon.domain.period import Period
from costmon.errors import StoreOutdatedError, StoreUnavailableError
from costmon.testing.clock import START

HISTORY = "/api/v1/costs/history"


def day(number, month=11):
    return dt.datetime(2026, month, number, tzinfo=dt.UTC)


def test_it_asks_for_the_last_thirty_days_by_default(world):
    answer = world.client().get(HISTORY)

    assert answer.status_code == 200
    [query] = world.questions
    assert query.period == Period(start=day(23, 10), end=day(22))
    assert (query.step, query.group_by) == ("day", "total")


def test_rows_are_shown_with_two_decimals(world):
    world.rows = (
        HistoryRow(
            period=Period(start=day(1), end=day(2)),
            group="total",
            currency="USD",
            accrued=Decimal("1.23456"),
            average_monthly=None,
            last_monthly=Decimal(40),
            observed_s=86_400,
            resource_count=3,
            unpriced_count=1,
        ),
    )

    answer = world.client().get(f"{HISTORY}?from=2026-11-01&to=2026-11-02")

    assert answer.json == {
        "data": [
            {
                "start": "2026-11-01T00:00:00Z",
                "end": "2026-11-02T00:00:00Z",
                "group": "total",
                "currency": "USD",
                "accrued": 1.23,
                "average_monthly": None,
                "last_monthly": 40.0,
                "observed_s": 86400,
                "resource_count": 3,
                "not_observed": 0.0,
                "not_observed_s": 0,
                "unpriced_count": 1,
            }
        ],
        "meta": {
            "source": "history",
            "from": "2026-11-01T00:00:00Z",
            "to": "2026-11-02T00:00:00Z",
            "step": "day",
            "group_by": "total",
            "not_observed": "show",
        },
    }


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("from=2026-11-01&to=2026-11-03", day(1), day(3)),
        ("from=2026-11-01T13:00:00Z&to=2026-11-03T01:00:00Z", day(1), day(4)),
        ("from=2026-11-02T01:00:00%2B02:00&to=2026-11-03", day(1), day(3)),
        ("from=2026-11-02T01:00:00+02:00&to=2026-11-03", day(1), day(3)),
        ("from=2026-11-20", day(20), day(22)),
        ("to=2026-11-03", day(4, 10), day(3)),
    ],
)
def test_periods_are_widened_to_whole_utc_days(world, asked, start, end):
    world.client().get(f"{HISTORY}?{asked}")

    assert world.questions[0].period == Period(start=start, end=end)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("from=yesterday", "accepted: a date (2026-11-21)"),
        ("to=2026-13-01", "accepted: a date"),
        ("from=0001-01-01T00:00:00%2B14:00", "accepted: a date"),
        ("to=9999-12-31T10:00:00Z", "accepted: a date"),
        ("step=hour", "accepted: day, week, month"),
        ("group_by=color", "accepted: total, provider, account, kind, region"),
        ("from=2026-11-05&to=2026-11-05", "must be before"),
        ("from=2020-01-01&to=2026-11-05", f"at most {LONGEST.days} days"),
        ("groupby=kind", "'groupby' is not a parameter; accepted: from, to, step, group_by"),
        ("step=day&step=week", "given 2 times"),
    ],
)
def test_bad_input_is_told_what_is_accepted(world, asked, said):
    answer = world.client().get(f"{HISTORY}?{asked}")

    assert answer.status_code == 400
    assert answer.json["error"] == "Bad request"
    assert said in answer.json["message"]
    assert world.questions == []


@pytest.mark.parametrize("error", [StoreUnavailableError("locked"), StoreOutdatedError("old")])
def test_a_database_that_cannot_be_read_is_unavailable(world, error):
    world.history_error = error

    answer = world.client().get(HISTORY)

    assert answer.status_code == 503
    assert answer.json["error"] == "Service unavailable"
    assert "locked" not in answer.text


@given(st.dictionaries(st.sampled_from(["from", "to", "step", "group_by"]), st.text(max_size=30)))
def test_any_text_is_a_question_or_a_query_error(given_values):
    try:
        query = parse_query(MultiDict(given_values), START)
    except QueryError:
        return
    assert query.period.start < query.period.end


@given(st.datetimes(timezones=st.just(dt.UTC)), st.datetimes(timezones=st.just(dt.UTC)))
def test_any_two_times_are_a_bounded_period_or_a_query_error(one, other):
    given_values = MultiDict({"from": one.isoformat(), "to": other.isoformat()})
    try:
        query = parse_query(given_values, START)
    except QueryError:
        return
    assert query.period.start <= one
    assert query.period.end >= other
    assert query.period.end - query.period.start <= LONGEST


GAP = HistoryRow(
    period=Period(start=day(2), end=day(3)),
    group="total",
    currency="USD",
    accrued=Decimal(1),
    average_monthly=None,
    last_monthly=Decimal(40),
    observed_s=3_600,
    resource_count=3,
    unpriced_count=0,
    not_observed=Decimal(23),
    not_observed_s=82_800,
)


def test_what_was_not_observed_stands_apart_and_can_be_left_out(world):
    world.rows = (GAP,)

    shown = world.client().get(HISTORY)
    left_out = world.client().get(f"{HISTORY}?not_observed=omit")
    refused = world.client().get(f"{HISTORY}?not_observed=no")

    [bucket] = shown.json["data"]
    assert (bucket["accrued"], bucket["observed_s"]) == (1.0, 3600)
    assert (bucket["not_observed"], bucket["not_observed_s"]) == (23.0, 82_800)
    assert [query.not_observed for query in world.questions] == [True, False]
    assert [it.json["meta"]["not_observed"] for it in (shown, left_out)] == ["show", "omit"]
    assert refused.status_code == 400


def test_the_page_shows_it_apart_or_leaves_it_out(world):
    world.rows = (GAP,)

    shown = world.client().get("/history").get_data(as_text=True)
    left_out = world.client().get("/history?not_observed=omit").get_data(as_text=True)
    refused = world.client().get("/history?step=<b>")
    world.history_error = StoreUnavailableError("away")
    unavailable = world.client().get("/history")

    assert "$23.00" in shown
    assert "23.0 h" in shown
    assert "$23.00" not in left_out
    assert "$1.00" in left_out
    assert refused.status_code == 400
    assert "<b>" not in refused.get_data(as_text=True)
    assert unavailable.status_code == 503
