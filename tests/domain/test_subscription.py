"""When fixed prices are charged, and what people are told of in time."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.subscription import Subscription, add_months, reminders

DAYS = st.dates(dt.date(2020, 1, 1), dt.date(2040, 12, 31))


def day(text):
    return dt.date.fromisoformat(text)


def entry(per="month", **more):
    dates = ("since", "until", "renews_on")
    given = {key: day(value) if key in dates else value for key, value in more.items()}
    wanted = {
        "name": "VPS",
        "provider": "ionos",
        "service": "VPS",
        "amount": Decimal("6.00"),
        "currency": "EUR",
        "per": per,
        **given,
    }
    return Subscription(**wanted)


def charged(one, start, end):
    return [str(found) for found in one.charged_on(day(start), day(end))]


def told(one, today):
    return [(found.kind, str(found.due), found.days_left) for found in reminders([one], day(today))]


@pytest.mark.parametrize(
    ("one", "days"),
    [
        (entry(), ["2026-01-01", "2026-02-01", "2026-03-01"]),
        (entry(since="2025-06-15"), ["2026-01-15", "2026-02-15", "2026-03-15"]),
        (entry(since="2026-02-10"), ["2026-02-10", "2026-03-10"]),
        (entry(until="2026-03-01"), ["2026-01-01", "2026-02-01"]),
        (entry(renews_on="2030-05-31"), ["2026-01-31", "2026-02-28", "2026-03-31"]),
        (entry(renews_on="2030-05-20", since="2026-02-25"), ["2026-03-20"]),
        (entry("year", since="2020-02-29"), ["2026-02-28"]),
        (entry("year", renews_on="2027-03-01"), ["2026-03-01"]),
        (entry("year", since="2026-05-01"), []),
        (entry("week", since="2026-03-13"), ["2026-03-13", "2026-03-20", "2026-03-27"]),
        (entry("once", since="2026-02-02"), ["2026-02-02"]),
        (entry("once", since="2025-02-02"), []),
        (entry("once", since="2026-04-01"), []),
    ],
)
def test_the_days_of_a_quarter_on_which_it_is_charged(one, days):
    assert charged(one, "2026-01-01", "2026-04-01") == days


@given(
    per=st.sampled_from(["week", "month", "year"]),
    anchor=DAYS,
    start=DAYS,
    days=st.integers(0, 1500),
    cut=st.integers(0, 1500),
)
def test_two_spans_have_the_charges_of_both_together(per, anchor, start, days, cut):
    one = entry(per, renews_on=str(anchor))
    end = start + dt.timedelta(days=days)
    middle = start + dt.timedelta(days=min(cut, days))

    whole = list(one.charged_on(start, end))

    assert [*one.charged_on(start, middle), *one.charged_on(middle, end)] == whole
    assert all(start <= found < end for found in whole)
    assert whole == sorted(set(whole))
    if start <= anchor < end:
        assert anchor in whole


@given(start=DAYS, anchor=DAYS)
def test_twelve_months_have_twelve_monthly_charges_and_one_yearly(start, anchor):
    end = add_months(start, 12)
    counts = {
        per: len(list(entry(per, renews_on=str(anchor)).charged_on(start, end)))
        for per in ("month", "year")
    }

    # The last day of February stands for the days that it does not have.
    assert counts["month"] in ({12} if start.day <= 28 else {11, 12, 13})
    assert counts["year"] in ({1} if (start.month, start.day) != (2, 29) else {1, 2})


@pytest.mark.parametrize(
    ("one", "today", "expected"),
    [
        (entry("year", renews_on="2027-03-01"), "2027-02-14", []),
        (
            entry("year", renews_on="2027-03-01"),
            "2027-02-15",
            [("renewal", "2027-03-01", 14)],
        ),
        (entry("year", renews_on="2027-03-01"), "2027-03-01", [("renewal", "2027-03-01", 0)]),
        (entry("year", renews_on="2027-03-01"), "2027-03-02", []),
        (entry(), "2027-02-28", []),
        (entry(remind_days=2), "2027-02-27", [("renewal", "2027-03-01", 2)]),
        (
            entry("year", renews_on="2027-03-01", cancel_by=3),
            "2027-02-21",
            [("cancel", "2027-02-26", 5), ("renewal", "2027-03-01", 8)],
        ),
        (
            entry("year", renews_on="2027-03-01", cancel_by=3),
            "2027-02-27",
            [("renewal", "2027-03-01", 2)],
        ),
        (
            entry(since="2026-12-10", cancel_by=dt.date(2026, 12, 9), remind_days=5),
            "2026-12-05",
            [("cancel", "2026-12-09", 4), ("start", "2026-12-10", 5)],
        ),
        (
            entry("year", renews_on="2026-06-01", until="2027-01-31"),
            "2027-01-20",
            [("end", "2027-01-31", 11)],
        ),
        (entry("year", renews_on="2026-06-01", until="2026-01-31"), "2027-01-20", []),
    ],
)
def test_what_is_due_soon_is_told(one, today, expected):
    assert told(one, today) == expected


@pytest.mark.parametrize(
    ("one", "today", "texts"),
    [
        (
            entry("year", renews_on="2027-03-01", cancel_by=3),
            "2027-02-21",
            [
                "Cancel VPS (ionos) by 26 February, or 6.00 EUR is charged on 1 March.",
                (
                    "VPS (ionos) renews on 1 March for 6.00 EUR; cancel by 26 February if you "
                    "no longer need it."
                ),
            ],
        ),
        (
            entry("year", renews_on="2027-01-02"),
            "2026-12-30",
            [
                (
                    "VPS (ionos) renews on 2 January 2027 for 6.00 EUR; cancel before then if you "
                    "no longer need it."
                )
            ],
        ),
        (
            entry(remind_days=3, cancel_by=5),
            "2026-11-29",
            ["VPS (ionos) renews on 1 December for 6.00 EUR; the last day to cancel has passed."],
        ),
        (
            entry(since="2026-12-10"),
            "2026-12-03",
            [
                (
                    "VPS (ionos) begins to cost 6.00 EUR on 10 December; cancel before then if you "
                    "no longer need it."
                )
            ],
        ),
        (entry(until="2026-12-10"), "2026-12-03", ["VPS (ionos) ends on 10 December."]),
        (entry("once", since="2026-12-10"), "2026-12-03", []),
    ],
)
def test_a_reminder_says_what_when_how_much_and_what_to_do(one, today, texts):
    assert [found.text for found in reminders([one], day(today))] == texts
