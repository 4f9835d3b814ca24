"""Who is told what a call costs: nobody who is not listed."""

from decimal import Decimal

import pytest

from costmon.errors import ScopeError
from costmon.guard.cost_headers import allowed_hosts, cost_headers, tracked_headers

LISTED = allowed_hosts(["Partner.example", "*.friends.example"])


def headers(host, allowed=LISTED, **figures):
    return cost_headers(host, allowed, **figures)


def test_nobody_is_told_anything_without_a_list():
    assert headers("partner.example", allowed=(), remaining=Decimal(7)) == {}


@pytest.mark.parametrize(
    "host",
    ["other.example", "partner.example.evil.com", "evilpartner.example", "friends.example",
     "x.partner.example", "partner.example@evil.com"],
)  # fmt: skip
def test_third_parties_are_told_nothing(host):
    assert headers(host, tier="premium", remaining=Decimal(7)) == {}


@pytest.mark.parametrize(
    "host",
    ["partner.example", "PARTNER.example:443", "https://u@partner.example./x", "a.friends.example"],
)
def test_a_listed_host_is_told_in_whatever_spelling(host):
    assert headers(
        host, tier="limited", remaining=Decimal("7.5"), estimate=Decimal("0.000013"), currency="EUR"
    ) == {
        "X-Federation-Tier": "limited",
        "X-Federation-Budget-Remaining": "7.50",
        "X-Federation-Cost-Estimate": "0.000013",
        "X-Federation-Cost-Currency": "EUR",
    }


def test_what_is_unknown_or_unlimited_is_left_out_and_never_0():
    assert headers("partner.example") == {"X-Federation-Tier": "standard"}


@pytest.mark.parametrize("hosts", [["*"], ["a b"], [""], "partner.example", ["http://"]])
def test_a_list_of_everybody_or_of_no_hosts_is_refused(hosts):
    with pytest.raises(ScopeError):
        allowed_hosts(hosts)


@pytest.mark.parametrize(
    "suffix",
    [
        "com",
        "COM.",
        "dev",
        "localhost",
        "co.uk",
        "com.au",
        "or.jp",
        "gov.br",
        "github.io",
        "vercel.app",
        "workers.dev",
        "amazonaws.com",
        "s3.amazonaws.com",
        "xn--p1ai",
        "execute-api.eu-west-1.amazonaws.com",
        "blob.core.windows.net",
        "europe-west1.run.app",
    ],
)
def test_a_wildcard_over_hosts_of_strangers_is_refused(suffix):
    with pytest.raises(ScopeError, match="anybody can have a host"):
        allowed_hosts([f"*.{suffix}"])


@pytest.mark.parametrize(
    "host",
    [
        "*.example.com",
        "*.partner.co.uk",
        "*.acme.github.io",
        "*.co.example",
        "*.me.com",
        "*.co.com",
        "github.io",
        "acme.s3.amazonaws.com",
    ],
)
def test_a_wildcard_over_one_owners_hosts_and_a_single_host_are_taken(host):
    assert allowed_hosts([host]) == (f"host:{host}",)


def test_a_response_is_marked_as_counted_with_its_time():
    assert tracked_headers(0.0123) == {
        "X-Federation-Cost-Tracked": "true",
        "X-Federation-Response-Time": "12ms",
    }
