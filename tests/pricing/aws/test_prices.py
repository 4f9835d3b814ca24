import datetime as dt
from decimal import Decimal

import pytest

from costmon.errors import AmountError, InputError, PriceUnknownError
from costmon.pricing.aws import AWS, GB, AccountMonth, Usage, cost_of, cross_region_cost
from costmon.pricing.aws.usage import PER_UNIT

REGIONS = (
    "ap-northeast-1",
    "ap-southeast-1",
    "eu-central-1",
    "eu-west-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
)
TODAY = dt.date(2026, 11, 21)


@pytest.mark.parametrize("meter", sorted(PER_UNIT))
def test_every_meter_has_a_price_in_every_region(meter):
    assert AWS.regions(meter) == REGIONS


def test_every_price_says_where_and_when_it_was_read_and_how_sure_it_is():
    for row in AWS.rows.values():
        assert row.source.startswith("https://aws.amazon.com/")
        assert dt.date(2026, 1, 1) < row.as_of <= TODAY
        assert row.confidence in {"listed", "recalled", "derived"}


def test_tiers_begin_at_zero_and_ascend_and_prices_never_rise_but_after_free_use():
    for row in AWS.rows.values():
        borders = [tier.above for tier in row.tiers]
        paid = [tier.price for tier in row.tiers if tier.price]
        assert borders[0] == 0
        assert borders == sorted(set(borders))
        assert paid == sorted(paid, reverse=True)


def test_meters_are_the_fields_of_usage():
    assert tuple(PER_UNIT) == Usage._fields


def test_an_unknown_region_is_refused_with_those_that_are_known():
    with pytest.raises(PriceUnknownError, match=r"transfer_out in mars-1 is unknown") as caught:
        cost_of(AccountMonth("2026-11"), Usage(transfer_out=1), "mars-1")

    assert caught.value.known == REGIONS
    assert isinstance(caught.value, InputError)


def test_an_unknown_region_is_refused_even_for_what_is_free():
    with pytest.raises(PriceUnknownError):
        cost_of(AccountMonth("2026-11"), Usage(transfer_in=1), "mars-1")


def test_the_users_price_wins_and_is_marked_as_theirs():
    own = AWS.overridden({"us-east-1:transfer_out": "0.02"}, as_of=TODAY, source="our contract")

    row = own.row("us-east-1", "transfer_out")
    cost = cost_of(AccountMonth("2026-11"), Usage(transfer_out=101 * GB), "us-east-1", own)

    assert cost.total == Decimal("0.02")
    assert (row.confidence, row.source, row.as_of) == ("manual", "our contract", TODAY)
    assert AWS.row("us-east-1", "transfer_out").confidence == "listed"


def test_the_users_price_makes_a_region_known():
    own = AWS.overridden({"mars-1:transfer_out": [(0, "1"), (10, Decimal("0.5"))]}, as_of=TODAY)

    month = AccountMonth("2026-11").after(Usage(transfer_out=100 * GB), "mars-1", own)[0]

    assert cost_of(month, Usage(transfer_out=12 * GB), "mars-1", own).total == 11


@pytest.mark.parametrize(
    "price", ["-1", "NaN", "Infinity", "cheap", 0.09, None, [], [(1, "1")], [(0, "1"), (0, "2")]]
)
def test_what_is_no_price_is_refused(price):
    with pytest.raises(AmountError):
        AWS.overridden({"us-east-1:transfer_out": price}, as_of=TODAY)


@pytest.mark.parametrize("key", ["us-east-1", "us-east-1:egress", ":transfer_out", ""])
def test_an_override_of_no_meter_is_refused(key):
    with pytest.raises(PriceUnknownError, match="transfer_out"):
        AWS.overridden({key: "1"}, as_of=TODAY)


@pytest.mark.parametrize(
    ("source", "target", "price"),
    [
        ("us-east-1", "us-east-2", "0.01"),
        ("us-east-2", "us-east-1", "0.01"),
        ("us-east-1", "eu-west-1", "0.02"),
        ("sa-east-1", "us-east-1", "0.138"),
        ("us-east-1", "sa-east-1", "0.02"),
        ("eu-west-1", "eu-west-1", "0"),
    ],
)
def test_transfer_between_regions_is_paid_by_the_sender(source, target, price):
    assert cross_region_cost(GB, source=source, target=target) == Decimal(price)


def test_transfer_to_an_unknown_region_is_refused():
    with pytest.raises(PriceUnknownError, match="mars-1"):
        cross_region_cost(1, source="us-east-1", target="mars-1")
