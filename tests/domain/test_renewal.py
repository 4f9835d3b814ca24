"""What vendors tell of the fixed prices they charge next, and what people are told of it."""

import datetime as dt
from decimal import Decimal

import pytest

from costmon.domain.renewal import renewing
from costmon.domain.subscription import Subscription, reminders
from costmon.testing import samples

TODAY = dt.date(2026, 11, 21)
YEARLY = (("price", "89.00 EUR"), ("period", "1 year"))


def held(*details, name="example.org", id="1"):
    return samples.resource(id, name=name, provider="ovh", kind="service", details=details)


def texts(*resources, entries=(), today=TODAY):
    found = reminders(renewing(resources, entries, today), today)
    return [one.text for one in found]


def test_a_year_is_told_two_weeks_before_it_is_charged():
    one = held(("next_billing", "2026-12-05"), *YEARLY)

    assert texts(one, today=dt.date(2026, 11, 20)) == []
    (text,) = texts(one)
    assert text.startswith("example.org (ovh) renews on 5 December for 89.00 EUR; cancel before")


@pytest.mark.parametrize("period", ["1 year", "2 year", "12 month", "P1Y", "P24M"])
def test_a_year_or_longer_has_a_reminder_in_each_form(period):
    one = held(("next_billing", "2026-11-30"), ("price", "1 EUR"), ("period", period))

    assert len(texts(one)) == 1


@pytest.mark.parametrize("period", ["1 month", "P6M", "7 day", "3 none", ""])
def test_a_shorter_or_unknown_period_is_not_announced(period):
    one = held(("next_billing", "2026-11-22"), ("price", "1 EUR"), ("period", period))

    assert texts(one) == []


def test_a_period_of_years_is_not_announced_at_an_anniversary():
    one = held(("next_billing", "2027-11-30"), ("price", "1 EUR"), ("period", "2 year"))

    assert texts(one) == []


def test_a_day_that_has_passed_is_not_announced():
    assert texts(held(("next_billing", "2026-11-20"), *YEARLY)) == []


def test_the_price_of_a_renewal_is_told_and_not_that_of_the_first_period():
    details = (("next_billing", "2026-11-30"), ("renewal_price", "119.88 EUR"), *YEARLY)

    (text,) = texts(held(*details))

    assert "for 119.88 EUR" in text


def test_what_does_not_renew_ends():
    one = held(("ends", "2026-11-27"), ("price", "5 EUR"), ("period", "1 month"))

    assert texts(one) == ["example.org (ovh) ends on 27 November."]


def test_a_trial_begins_to_cost():
    one = held(("first_billing", "2026-11-27"), ("price", "5 EUR"), ("period", "1 month"))

    (text,) = texts(one)

    assert text.startswith("example.org (ovh) begins to cost 5.00 EUR on 27 November")


@pytest.mark.parametrize("price", ["", "5", "free EUR", "0 N/A", "NaN EUR", "-1 EUR", "1e400 EUR"])
def test_a_price_that_is_not_known_is_not_announced(price):
    assert texts(held(("next_billing", "2026-11-30"), ("price", price), ("period", "1 year"))) == []


def test_a_date_that_is_none_is_not_announced():
    assert texts(held(("next_billing", "soon"), *YEARLY)) == []


def test_two_of_the_same_name_are_told_apart():
    details = (("next_billing", "2026-11-30"), *YEARLY)

    found = list(renewing([held(*details), held(*details, id="2")], (), TODAY))

    assert [one.name for one in found] == ["example.org (1)", "example.org (2)"]


def test_a_manual_entry_replaces_what_the_vendor_tells():
    entry = Subscription(
        name="example.org",
        provider="ovh",
        service="domain",
        amount=Decimal(89),
        currency="EUR",
        per="year",
        renews_on=dt.date(2026, 11, 30),
    )

    assert texts(held(("next_billing", "2026-11-30"), *YEARLY), entries=(entry,)) == []
