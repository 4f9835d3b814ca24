"""Options are refused at the start, all at once, with what is accepted."""

from decimal import Decimal

import pytest

from costmon.errors import InputError
from costmon.meter.option_parsing import parse_options
from costmon.meter.options import REGIONS, Options
from costmon.meter.price_list import tell_missing


def refusal(**given):
    with pytest.raises(InputError) as refused:
        parse_options(given)
    return str(refused.value)


def test_without_options_all_have_the_defaults_that_people_know():
    assert parse_options({}) == Options()
    assert Options() == Options(
        provider="AWS",
        region="us-east-1",
        target_users=1000,
        requests_per_user_per_second=Decimal(1),
        budget_usd=Decimal(0),
        port=7777,
        warmup_s=30,
    )


@pytest.mark.parametrize(("provider", "region"), REGIONS.items())
def test_a_provider_has_its_main_region(provider, region):
    assert parse_options({"provider": provider.lower()})[:2] == (provider, region)


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("provider", "HETZNER", "AWS, GCP, AZURE"),
        ("provider", None, "AWS, GCP, AZURE"),
        ("region", "us/east", "us-east-1"),
        ("region", "a\nb", "printable text"),
        ("target_users", -1, "a whole number from 1"),
        ("target_users", 1.5, "a whole number from 1"),
        ("target_users", True, "a whole number from 1"),
        ("requests_per_user_per_second", -1, "a number from"),
        ("requests_per_user_per_second", float("nan"), "a number from"),
        ("requests_per_user_per_second", float("inf"), "a number from"),
        ("requests_per_user_per_second", "often", "a number from"),
        ("budget_usd", -0.01, "a number from 0"),
        ("budget_usd", True, "a number from 0"),
        ("budgets", {"GET /*": -1}, "dollars a month by route"),
        ("budgets", "GET /*=5", "dollars a month by route"),
        ("budgets", [("GET /*",)], "dollars a month by route"),
        ("port", 65_536, "a port from 0"),
        ("port", True, "a port from 0"),
        ("warmup_s", -1, "seconds from 0"),
        ("warmup_s", float("inf"), "seconds from 0"),
        ("warmup_s", "30", "seconds from 0"),
        ("service", "x" * 201, "at most 200 characters"),
        ("service", 5, "printable text"),
        ("instance", "t3.gigantic", "t3.micro"),
        ("target_utilisation", 0, "a number from 0.01"),
        ("target_utilisation", 1.1, "to 1"),
        ("cpu_factor", 0, "a number from 0.01"),
        ("sample", 0, "a whole number from 1"),
        ("follow_threads", "yes", "True or False"),
        ("tenant_header", "X Tenant", "a header name"),
        ("tenants", "acme", "a list of at most"),
        ("tenants", ["x"] * 51, "at most 50"),
        ("prices", "/no/such/file.csv", "No such file"),
        ("target_user", 5, "target_users"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_can(name, value, accepted):
    text = refusal(**{name: value})

    assert name in text
    assert accepted in text


def test_all_faults_are_said_at_once():
    text = refusal(provider="X", target_users=-1, port=-1, color="red")

    for name in ("provider='X'", "target_users=-1", "port=-1", "'color'"):
        assert name in text


def test_a_long_value_is_cut_in_the_message():
    assert len(refusal(provider="x" * 10_000)) < 300


def test_numbers_are_taken_exactly():
    options = parse_options({"requests_per_user_per_second": 0.1, "budget_usd": "12.50"})

    assert options.requests_per_user_per_second == Decimal("0.1")
    assert options.budget_usd == Decimal("12.50")


def test_the_users_own_prices_are_read_and_bring_their_region(tmp_path):
    prices = tmp_path / "prices.csv"
    prices.write_text(
        "provider,region,instance_type,vcpu,memory_gib,arch,baseline,hourly_usd,as_of,source\n"
        "AWS,eu-west-1,m7g.large,2,8,arm64,1,0.09,2026-11-01,a contract\n"
    )

    options = parse_options({"region": "eu-west-1", "prices": str(prices)})

    assert options.region == "eu-west-1"


def test_a_fault_in_the_users_own_prices_is_said_with_its_line(tmp_path):
    prices = tmp_path / "prices.csv"
    prices.write_text(
        "provider,region,instance_type,vcpu,memory_gib,arch,baseline,hourly_usd,as_of,source\n"
        "AWS,us-east-1,m7g.large,2,8,arm64,1,0,2026-11-01,free\n"
    )

    assert "line 2" in refusal(prices=str(prices))


@pytest.mark.parametrize(
    ("provider", "region", "used"),
    [
        ("AWS", "eu-west-1", "us-east-1"),
        ("GCP", "europe-north1", "europe-west1"),
        ("AZURE", "Brazil South", "eastus"),
    ],
)
def test_a_region_without_prices_starts_and_says_so_once(caplog, provider, region, used):
    tell_missing.cache_clear()

    options = parse_options({"provider": provider, "region": region})
    parse_options({"provider": provider, "region": region})

    assert options.region == region
    (message,) = caplog.messages
    assert "not known" in message
    assert used in message
