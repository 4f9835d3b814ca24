"""Finding a price, and refusing what has none."""

import datetime as dt
from decimal import Decimal

import pytest

from costmon.errors import AmountError, InputError, PriceUnknownError
from costmon.pricing.aws.tiers import Tier, cost_between
from costmon.pricing.instances.egress import Traffic
from costmon.pricing.instances.instance import Instance
from costmon.pricing.instances.prices import STALE_DAYS, is_stale, listed

TODAY = dt.date(2026, 11, 21)
CONTRACT = Instance(
    provider="AWS",
    region="us-east-1",
    name="m5.large",
    vcpu=Decimal(2),
    memory_gib=Decimal(8),
    arch="x86_64",
    baseline=Decimal(1),
    hourly_usd=Decimal("0.05"),
    as_of=TODAY,
    source="a contract",
)


def named(prices, provider, region, name):
    return next(row for row in prices.region(provider, region).instances if row.name == name)


@pytest.mark.parametrize("provider", ["AWS", "aws", "Aws", " aws "])
def test_a_provider_is_known_in_any_case(provider):
    assert listed().region(provider, "US-EAST-1").provider == "AWS"


def test_a_region_may_be_written_as_on_the_vendors_pages():
    assert listed().region("azure", "East US").region == "eastus"


def test_an_unknown_provider_is_refused_and_never_taken_for_another():
    with pytest.raises(PriceUnknownError, match=r"'asw' \(did you mean AWS\?\).*AWS, GCP, AZURE"):
        listed().region("asw", "us-east-1")


def test_an_unknown_region_is_refused_with_those_that_are_known():
    with pytest.raises(
        PriceUnknownError, match=r"AWS machines in 'us-east1' \(did you mean us-east-1\?\)"
    ):
        listed().region("AWS", "us-east1")
    with pytest.raises(InputError, match="us-central1, us-east1, europe-west1"):
        listed().region("GCP", "mars")


def test_the_main_region_comes_first():
    assert listed().regions("gcp")[0] == "us-central1"


def test_instances_are_sorted_by_name():
    names = [row.name for row in listed().region("GCP", "us-east1").instances]

    assert names == sorted(names)


def test_the_date_of_a_region_is_that_of_its_oldest_price():
    prices = listed().region("AZURE", "eastus")

    assert prices.as_of == prices.egress_as_of == dt.date(2026, 5, 6)
    assert prices.instances[0].as_of == dt.date(2026, 6, 18)
    assert "karpenter-provider-azure" in prices.source
    assert "traffic: https://azure.microsoft.com" in prices.source


def test_ones_own_price_wins_and_says_so():
    prices = listed().extended([CONTRACT])

    assert named(prices, "AWS", "us-east-1", "m5.large") == CONTRACT._replace(basis="manual")
    assert named(prices, "AWS", "us-east-1", "m5.xlarge").basis == "list_price"
    assert named(listed(), "AWS", "us-east-1", "m5.large").hourly_usd == Decimal("0.096")


def test_the_last_of_ones_own_prices_wins():
    prices = listed().extended([CONTRACT]).extended([CONTRACT._replace(hourly_usd=Decimal(3))])

    assert named(prices, "AWS", "us-east-1", "m5.large").hourly_usd == Decimal(3)


def test_ones_own_row_makes_a_region_known_whose_traffic_has_no_price():
    prices = listed().extended([CONTRACT._replace(provider="aws", region="mx-central-1")])

    region = prices.region("AWS", "mx-central-1")

    assert prices.regions("AWS") == ("us-east-1", "mx-central-1")
    assert [row.name for row in region.instances] == ["m5.large"]
    assert (region.egress, region.egress_as_of) == ((), None)
    assert (region.as_of, region.source) == (TODAY, "a contract")


def test_ones_own_tiers_replace_all_of_a_region():
    own = Traffic("aws", "US-East-1", Decimal(0), Decimal("0.02"), TODAY, "a contract")

    region = listed().extended([own]).region("AWS", "us-east-1")

    assert region.egress == (Tier(Decimal(0), Decimal("0.02")),)
    assert len(region.instances) == 100


@pytest.mark.parametrize(
    "wrong",
    [
        {"above_gb": Decimal(1)},
        {"above_gb": Decimal(-1)},
        {"usd_per_gb": Decimal("NaN")},
        {"usd_per_gb": 0.02},
    ],
    ids=str,
)
def test_tiers_that_cannot_be_are_refused(wrong):
    own = Traffic("AWS", "us-east-1", Decimal(0), Decimal("0.02"), TODAY, "a contract")

    with pytest.raises(AmountError):
        listed().extended([own._replace(**wrong)])


def test_an_own_region_with_known_traffic_has_its_own():
    prices = listed().extended([CONTRACT._replace(region="sa-east-1")])

    assert prices.region("AWS", "sa-east-1").egress[1].price == Decimal("0.15")


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity", "1e9"])
def test_a_price_of_nothing_is_refused(price):
    with pytest.raises(AmountError, match=r"m5\.large: hourly_usd .* above 0"):
        listed().extended([CONTRACT._replace(hourly_usd=Decimal(price))])


@pytest.mark.parametrize(
    "wrong",
    [
        {"vcpu": Decimal(0)},
        {"memory_gib": Decimal(-1)},
        {"baseline": Decimal("1.1")},
        {"baseline": Decimal(0)},
        {"arch": "mips"},
        {"name": "m5 large"},
        {"name": "=cmd()"},
        {"region": "us_east"},
        {"source": "two\nlines"},
        {"hourly_usd": 0.05},
    ],
    ids=str,
)
def test_a_row_that_cannot_be_is_refused(wrong):
    with pytest.raises(AmountError, match=next(iter(wrong))):
        listed().extended([CONTRACT._replace(**wrong)])


def test_a_row_of_an_unknown_provider_is_refused():
    with pytest.raises(PriceUnknownError, match="AWS, GCP, AZURE"):
        listed().extended([CONTRACT._replace(provider="OCI")])


def test_a_price_is_stale_after_180_days():
    assert STALE_DAYS == 180
    assert not is_stale(TODAY - dt.timedelta(days=180), TODAY)
    assert is_stale(TODAY - dt.timedelta(days=181), TODAY)
    assert not is_stale(TODAY + dt.timedelta(days=1), TODAY)


@pytest.mark.parametrize(
    ("provider", "region", "gib", "cost_usd"),
    [
        ("AWS", "us-east-1", 100, "0"),
        ("AWS", "us-east-1", 101, "0.09"),
        ("AWS", "us-east-1", 100 + 10240 + 10, "922.45"),
        ("GCP", "us-central1", 1, "0.12"),
        ("GCP", "us-central1", 1025, "122.99"),
        ("GCP", "europe-west1", 10241, "1136.725"),
        ("AZURE", "eastus", 100, "0"),
        ("AZURE", "eastus", 10241, "882.263"),
        ("AZURE", "southeastasia", 101, "0.12"),
    ],
)
def test_traffic_is_tiered_with_the_free_allowance_first(provider, region, gib, cost_usd):
    tiers = listed().region(provider, region).egress

    assert cost_between(tiers, 0, gib * 2**30, per_unit=2**30) == Decimal(cost_usd)


@pytest.mark.parametrize("provider", ["AWS", "GCP", "AZURE"])
def test_tiers_ascend_from_0_and_never_get_dearer_once_paid_for(provider):
    for region in listed().regions(provider):
        tiers = listed().region(provider, region).egress
        assert tiers[0].above == 0
        assert [tier.above for tier in tiers] == sorted({tier.above for tier in tiers})
        paid = [tier.price for tier in tiers if tier.price]
        assert paid == sorted(paid, reverse=True)
