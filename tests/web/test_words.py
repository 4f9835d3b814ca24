import datetime as dt
from decimal import Decimal

import pytest

from costmon.web import words
from costmon.web.words import age, moment, money, period_in_words, round_money, short


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (Decimal(0), "$0.00"),
        (Decimal("1234567.005"), "$1,234,567.00"),
        (Decimal("0.015"), "$0.02"),
        (Decimal("0.0000131"), "<$0.01"),
        (Decimal("-3.2"), "\N{MINUS SIGN}$3.20"),
        (None, "unknown"),
    ],
)
def test_money_has_two_decimals(amount, shown):
    assert money(amount) == shown


def test_money_can_have_a_sign_and_any_currency():
    assert money(Decimal(5), sign=True) == "+$5.00"
    assert money(Decimal(5), "EUR") == "€5.00"
    assert money(Decimal(5), "SEK") == "5.00 SEK"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "never"),
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7200, "2 h"),
        (172800, "2 days"),
    ],
)
def test_ages_are_short(seconds, shown):
    assert age(seconds) == shown


def test_moments_are_utc():
    east = dt.timezone(dt.timedelta(hours=2))

    assert moment(dt.datetime(2026, 11, 21, 12, 0, 59, tzinfo=east)) == "2026-11-21 10:00 UTC"
    assert moment(None) == "never"


def test_long_and_unprintable_text_is_made_harmless():
    assert short("a" * 100) == "a" * 79 + "…"
    assert short("a\x00\u202eb") == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"
    assert short(None) == ""


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0.00"),
        ("0.000000001", "$0.000000001"),
        ("0.0000131", "$0.0000131"),
        ("0.013", "$0.013"),
        ("0.10", "$0.10"),
        ("2.5", "$2.50"),
        ("4.9999", "$4.9999"),
        ("1234.5678", "$1,234.57"),
        (None, "unknown"),
    ],
)
def test_a_fine_amount_is_never_shown_as_nothing_unless_it_is(amount, shown):
    assert words.fine(None if amount is None else Decimal(amount)) == shown


def test_a_fine_amount_of_another_currency_has_its_code():
    assert words.fine(Decimal("0.5"), "CHF") == "0.50 CHF"


def test_a_whole_text_is_not_cut_but_shows_what_cannot_be_printed():
    assert words.whole("a\x1b" + "b" * 500) == "a\N{REPLACEMENT CHARACTER}" + "b" * 500


@pytest.mark.parametrize(
    ("period", "shown"),
    [
        ("month", "November 2026"),
        ("day", "5 November 2026"),
        ("hour", "this hour"),
        ("total", "in total"),
        ("rolling:24h", "the last 24h"),
    ],
)
def test_a_period_is_told_as_people_call_it(period, shown):
    assert period_in_words(period, dt.date(2026, 11, 5)) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (Decimal("1234.56"), "$1,235"),
        (Decimal("0.02"), "$0.02"),
        (Decimal("-12.4"), "\N{MINUS SIGN}$12"),
        (None, "unknown"),
    ],
)
def test_an_amount_in_a_chart_is_whole_unless_it_is_small(amount, shown):
    assert round_money(amount) == shown
