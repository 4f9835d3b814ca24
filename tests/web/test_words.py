import datetime as dt
from decimal import Decimal

import pytest

from costmon.web.words import age, moment, money, short


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (Decimal(0), "$0.00"),
        (Decimal("1234567.005"), "$1,234,567.00"),
        (Decimal("0.015"), "$0.02"),
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
