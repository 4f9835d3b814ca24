"""Forecasts never contradict what is known: sums, lower bounds, ranges, and what is missing."""

import datetime as dt
import random
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmon.domain.forecast import (
    Charged,
    Rate,
    added_up,
    charged_forecast,
    fixed_forecast,
    rate_forecast,
)
from costmon.domain.prediction import LEAST_DAYS
from costmon.pricing import fx

TODAY = dt.date(2026, 11, 21)
MONTH = dt.date(2026, 11, 1)
DAY = dt.timedelta(days=1)
RATES = fx.rates()


def charged(amounts, *, complete=TODAY - DAY, later=(), fees=None, account="acme", currency="USD"):
    """Return an account that was charged `amounts` on the days up to `complete`."""
    first = complete - (len(amounts) - 1) * DAY
    days = [*amounts, *later]
    return Charged(
        account=account,
        provider=account,
        currency=currency,
        first=first,
        complete=complete,
        varying={first + number * DAY: Decimal(amount) for number, amount in enumerate(days)},
        fees=fees or {},
    )


def rate(past, *, month_to_date="70.00", rest="30.00"):
    return Rate(
        account="do",
        provider="digitalocean",
        currency="USD",
        month_to_date=None if month_to_date is None else Decimal(month_to_date),
        rest=Decimal(rest),
        day_to_date=Decimal("1.20"),
        day=Decimal("3.60"),
        first=TODAY - len(past) * DAY,
        past=tuple(map(Decimal, past)),
    )


def week(amount, off="0"):
    """Return 12 weeks of days up to a Friday, whose weekends cost `off`."""
    days = [TODAY - DAY - number * DAY for number in range(84)][::-1]
    return [off if day.weekday() > 4 else amount for day in days]


def forecast(known, month=MONTH, today=TODAY):
    return charged_forecast(known, month, today)


def rate_estimate(known):
    return rate_forecast(known, MONTH, TODAY)


def total_of(parts):
    return added_up(parts, "USD", RATES)


amounts = st.decimals(0, 1000, places=4)
# History begins with the first charge.
histories = st.lists(amounts, min_size=LEAST_DAYS, max_size=90).map(lambda days: ["1", *days])
# Days that are not complete, up to today.
reported = st.lists(amounts, max_size=6)


@st.composite
def accounts(draw, name="acme"):
    later = draw(reported)
    complete = TODAY - len(later) * DAY
    return charged(draw(histories), complete=complete, later=later, account=name)


@settings(max_examples=40, deadline=None)
@given(accounts())
def test_no_figure_is_below_what_was_charged_and_the_range_has_the_forecast_in_it(known):
    found = forecast(known)

    for estimate in (found.month, found.day):
        assert estimate.charged <= estimate.low <= estimate.point <= estimate.high


@settings(max_examples=40, deadline=None)
@given(accounts(), accounts("other"), st.randoms(use_true_random=False))
def test_the_sum_is_exactly_that_of_the_parts_in_any_order(one, other, rng):
    parts = [forecast(known) for known in (one, other)]
    parts.append(
        fixed_forecast(charged(["5"], account="plan"), {TODAY + DAY: Decimal(7)}, MONTH, TODAY)
    )
    shuffled = parts.copy()
    rng.shuffle(shuffled)

    total = total_of(shuffled)

    assert total == total_of(parts)
    for of_total, of_parts in (
        (total.month, [it.month for it in parts]),
        (total.day, [it.day for it in parts]),
    ):
        assert of_total.charged == sum(it.charged for it in of_parts)
        assert of_total.point == sum(it.point for it in of_parts)
        assert of_total.charged <= of_total.low <= of_total.point <= of_total.high


@settings(max_examples=40, deadline=None)
@given(accounts(), st.randoms(use_true_random=False))
def test_the_order_in_which_days_are_told_does_not_matter(known, rng):
    days = list(known.varying.items())
    rng.shuffle(days)

    assert forecast(known._replace(varying=dict(days))) == charged_forecast(known, MONTH, TODAY)


@settings(max_examples=40, deadline=None)
@given(histories, amounts)
def test_more_charged_today_never_lowers_the_forecast(history, more):
    def month(today):
        return forecast(charged(history, later=[today])).month

    assert month(more).point >= month(0).point
    assert month(more).low >= month(0).low
    assert month(more).high >= month(0).high


def test_an_even_series_goes_on_and_its_range_is_narrow():
    month = forecast(charged(["10"] * 60)).month

    assert (month.charged, month.low, month.point, month.high) == (200, 300, 300, 300)


def test_weekends_are_forecast_as_weekends():
    # From Saturday the 21st to Monday the 30th are six working days.
    found = forecast(charged(week("10", "2")))

    assert found.day.point < 4
    assert abs(found.month.point - found.month.charged - 68) < 4


def test_growth_goes_on_and_more_slowly():
    history = [Decimal(10) * Decimal("1.01") ** number for number in range(80)]
    rest = forecast(charged(history)).month
    ahead = sum(Decimal(10) * Decimal("1.01") ** number for number in range(80, 90))

    assert 10 * history[-1] < rest.point - rest.charged <= ahead


def test_days_that_a_late_vendor_has_not_completed_are_not_low_days():
    punctual = forecast(charged(["10"] * 60)).month
    late = forecast(
        charged(["10"] * 57, complete=TODAY - 4 * DAY, later=["4", "1", "0"]), MONTH, TODAY
    ).month

    assert late.charged == 165 + 10
    assert abs(late.point - punctual.point) < Decimal("0.01")


def test_what_is_complete_already_costs_what_was_charged():
    found = forecast(charged(["10"] * 50 + ["7"], complete=TODAY))
    over = forecast(charged(["10"] * 50, complete=dt.date(2026, 12, 3)))

    assert found.day == (7, 7, 7, 7)
    assert (over.month.point, over.month.high) == (300, 300)


def test_one_outlier_changes_little_and_a_second_day_like_it_is_the_new_level():
    usual = ["10"] * 58
    once = forecast(charged([*usual, "100", "10"])).month
    twice = forecast(charged([*usual, "100", "100"])).month

    assert once.point - once.charged < 150
    assert twice.point - twice.charged > 300


def test_a_fee_of_the_same_day_of_two_months_is_forecast_once_more():
    start = TODAY - 83 * DAY
    days = [start + number * DAY for number in range(83)]
    history = ["60" if day.day == 25 else "10" for day in days]

    month = forecast(charged(history)).month

    assert month.point == 300 + 50


def test_a_plan_fee_of_the_last_month_that_this_one_has_not_seen_yet_is_added_exactly():
    last = dt.date(2026, 10, 25)
    waiting = charged(["10"] * 60, fees={last: Decimal("25.01")})
    seen = charged(["10"] * 60, fees={last: Decimal("25.01"), dt.date(2026, 11, 25): Decimal(20)})

    assert forecast(waiting).month.point == Decimal("325.01")
    # It has become cheaper: what is booked is not added again, the difference is.
    assert forecast(seen).month.point == Decimal("325.01")


def test_a_fee_that_was_booked_in_time_is_not_added_twice():
    fees = {dt.date(2026, 10, 1): Decimal(25), MONTH: Decimal(25)}

    assert forecast(charged(["10"] * 60, fees=fees)).month.point == 325


@pytest.mark.parametrize("days", [0, 1, LEAST_DAYS - 1])
def test_with_too_little_history_there_is_no_figure_but_the_reason(days):
    found = forecast(charged(["10"] * days))

    assert found.month[1:] == (None, None, None)
    assert found.day[1:] == (None, None, None)
    assert found.reason == f"too little history: {days} of at least 21 complete days of charges"
    assert found.month.charged == min(days, 20) * 10


def test_days_before_the_first_charge_are_no_history():
    found = forecast(charged(["0"] * 100 + ["10"] * 5))

    assert found.reason == "too little history: 5 of at least 21 complete days of charges"


def test_an_account_with_few_and_irregular_charges_has_a_range_that_says_so():
    bought = {3, 20, 41, 60, 77, 99, 118, 131}
    month = forecast(charged(["50" if day in bought else "0" for day in range(3, 140)])).month

    assert month.point - month.charged < 50 <= month.high - month.charged


def test_an_account_that_costs_nothing_is_forecast_to_cost_nothing():
    found = forecast(charged(["0"] * 80))

    assert found.month == (0, 0, 0, 0)
    assert found.tests[0].actual == 0


def test_credits_do_not_make_the_forecast_negative():
    found = forecast(charged(["-5"] * 40))

    assert found.month.charged == -100
    assert found.month.point == -100


def test_a_month_before_which_days_are_missing_counts_only_its_own():
    # On the first of December November's last days are not complete yet.
    first = dt.date(2026, 12, 1)
    known = charged(["10"] * 60, complete=dt.date(2026, 11, 27), later=["3", "2"])

    found = forecast(known, first, first)

    assert (found.month.charged, found.month.point, found.day.point) == (0, 310, 10)


def test_past_months_are_forecast_with_as_many_days_left_and_compared():
    rng = random.Random(1)
    history = [f"{rng.uniform(9, 11):.2f}" for _ in range(150)]
    known = charged(history)

    found = forecast(known)

    assert [test.month for test in found.tests] == [
        dt.date(2026, 10, 1),
        dt.date(2026, 9, 1),
        dt.date(2026, 8, 1),
        dt.date(2026, 7, 1),
    ]
    october = {day: amount for day, amount in known.varying.items() if day.month == 10}
    assert found.tests[0].actual == sum(october.values())
    assert 0 < total_of([found]).error < Decimal("0.05")


def test_a_past_forecast_knows_nothing_of_what_followed():
    usual = ["10"] * 100
    known = charged(usual)
    last = dt.date(2026, 10, 31)
    changed = known._replace(varying={**known.varying, last: Decimal(500)})

    assert forecast(changed).tests[0].forecast == forecast(known).tests[0].forecast


def test_an_account_that_has_no_forecast_makes_the_sum_a_lower_bound_that_says_so():
    new = forecast(charged(["10"] * 5, account="new"))
    old = forecast(charged(["10"] * 60))

    total = total_of([new, old])

    assert total.month == (250, 350, None, None)
    assert total.reasons == ("new: too little history: 5 of at least 21 complete days of charges",)
    assert total_of([new]).month == (50, None, None, None)


def test_currencies_are_converted_at_a_named_rate_or_left_out():
    parts = [
        forecast(charged(["10"] * 60, account=name, currency=name))
        for name in ("EUR", "USD", "XTS")
    ]

    total = total_of(parts)

    rated = RATES.convert(Decimal(300), "EUR", "USD")
    assert rated is not None
    assert total.month.point == 300 + rated.amount
    assert (total.left_out, total.rates) == (("XTS",), (rated.note,))


def test_entries_by_hand_are_exact_and_have_no_range():
    known = charged(["0"] * 19 + ["12.34"])
    to_come = {TODAY: Decimal("1.11"), MONTH + 29 * DAY: Decimal(2), MONTH + 30 * DAY: Decimal(9)}

    found = fixed_forecast(known, to_come, MONTH, TODAY)

    assert found.month == (Decimal("12.34"), *[Decimal("15.45")] * 3)
    assert found.day == (0, *[Decimal("1.11")] * 3)


def test_a_rate_that_never_changed_has_a_range_without_width():
    found = rate_estimate(rate(["100"] * 80))

    assert found.month == (70, 100, 100, 100)
    assert found.day == (Decimal("1.20"), *[Decimal("3.60")] * 3)
    assert found.tests[0].forecast == found.tests[0].actual


def test_a_rate_that_changed_has_a_range_around_what_lives_now():
    past = ["50"] * 20 + ["100"] * 20 + ["80"] * 20

    found = rate_estimate(rate(past))

    assert found.month.low < found.month.point == 100 < found.month.high


def test_a_rate_without_history_is_a_forecast_without_a_range():
    found = rate_estimate(rate(["100"] * 3))

    assert found.month == (70, 100, None, None)
    assert found.reason == ("no range: too little history: 3 of at least 21 days of observed rates")


def test_a_month_that_no_poll_has_seen_has_no_forecast():
    found = rate_estimate(rate(["100"] * 40, month_to_date=None))

    assert found.month.point is None
    assert found.reason == "what this month has cost so far is not known"


def test_the_range_of_a_sum_is_narrower_than_the_sum_of_ranges():
    rng = random.Random(2)
    one = forecast(charged([f"{rng.uniform(2, 18):.2f}" for _ in range(90)]))
    other = replace(one, account="other")

    total = total_of([one, other]).month

    assert total.point - total.low < 2 * (one.month.point - one.month.low)
    assert total.high - total.point > one.month.high - one.month.point
