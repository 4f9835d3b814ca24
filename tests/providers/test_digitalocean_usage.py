"""Usage: the limits of an account and the insights of its last day; what is missing is a gap."""

import datetime as dt
import json
from decimal import Decimal

import pytest

from costmon.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderFrozenError,
    ProviderNotFoundError,
    ProviderPermissionError,
    ProviderRateLimitError,
    ProviderServerError,
)
from costmon.providers.digitalocean.provider import DigitalOcean
from costmon.testing import FakeOutbound
from costmon.testing import digitalocean as do

NOW = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)
POINTS = [do.data_point("2026-11-19", "1.25"), do.data_point("2026-11-20", "0.86")]


def failure(path, kind):
    return kind(provider="digitalocean", endpoint=f"GET {path}", detail="refused", hint="")


def read(**changes):
    answers = {**do.empty_account(), do.INSIGHTS: do.insights(POINTS), **changes}
    encoded = {
        path: answer if isinstance(answer, ProviderError) else json.dumps(answer).encode()
        for path, answer in answers.items()
    }
    outbound = FakeOutbound(encoded)
    return DigitalOcean(outbound, {}).usage("work", NOW), outbound.asked


def named(reading):
    return {one.quota: one for one in reading.quantities}


def test_limits_are_the_vendors_own():
    reading, _ = read(**{do.DROPLETS: do.listing("droplets", [], total=7)})

    assert (named(reading)["droplets"].used, named(reading)["droplets"].limit) == (7, 25)
    assert named(reading)["reserved_ips"].limit == 3
    assert reading.gaps == ()


def test_the_cost_of_a_day_is_that_of_the_last_day_with_figures_and_says_which():
    reading, _ = read()

    cost = named(reading)["daily_cost"]
    assert (cost.used, cost.unit, cost.estimated) == (Decimal("0.86"), "USD", True)
    assert cost.start == dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    assert reading.complete_through == cost.end == dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


def test_an_old_day_is_not_shown_as_the_last():
    reading, _ = read(**{do.INSIGHTS: do.insights(POINTS[:1])})

    assert named(reading)["daily_cost"].start == dt.datetime(2026, 11, 19, tzinfo=dt.UTC)


def test_no_figures_are_no_zero():
    reading, _ = read(**{do.INSIGHTS: do.insights([])})

    assert "daily_cost" not in named(reading)
    assert reading.complete_through is None


def test_few_requests_are_made():
    _, asked = read()

    assert [path.partition("?")[0] for path in asked] == [
        do.ACCOUNT,
        do.DROPLETS,
        do.RESERVED_IPS,
        do.INSIGHTS,
    ]


@pytest.mark.parametrize(
    ("path", "quota"),
    [(do.DROPLETS, "droplets"), (do.RESERVED_IPS, "reserved_ips"), (do.INSIGHTS, "daily_cost")],
)
@pytest.mark.parametrize(
    "kind",
    [ProviderPermissionError, ProviderNotFoundError, ProviderServerError, ProviderFrozenError],
)
def test_what_cannot_be_read_is_a_gap_and_the_rest_is_there(path, quota, kind):
    reading, _ = read(**{path: failure(path, kind)})

    assert [gap.kind for gap in reading.gaps] == [quota]
    assert quota not in named(reading)
    assert len(named(reading)) >= 2


@pytest.mark.parametrize("kind", [ProviderAuthError, ProviderRateLimitError])
def test_what_is_about_the_token_fails_the_reading(kind):
    with pytest.raises(kind):
        read(**{do.INSIGHTS: failure(do.INSIGHTS, kind)})


def test_a_token_that_may_not_see_the_account_still_counts():
    reading, asked = read(**{do.ACCOUNT: failure(do.ACCOUNT, ProviderPermissionError)})

    assert named(reading)["droplets"].limit is None
    assert [gap.kind for gap in reading.gaps] == ["limit", "daily_cost"]
    assert not any("insights" in path for path in asked)


def test_limits_that_need_another_scope_may_be_missing():
    answer = do.account()
    del answer["account"]["droplet_limit"]

    reading, _ = read(**{do.ACCOUNT: answer})

    assert named(reading)["droplets"].limit is None
    assert named(reading)["reserved_ips"].limit == 3


def test_an_account_without_a_team_has_no_insights():
    answer = do.account()
    del answer["account"]["team"]

    reading, _ = read(**{do.ACCOUNT: answer})

    assert [gap.kind for gap in reading.gaps] == ["daily_cost"]


def test_all_pages_of_the_insights_are_added_up():
    pages = {
        f"{do.INSIGHTS}?page={number}": do.insights(
            [do.data_point("2026-11-20", "0.50", sku=f"sku {number}")],
            total_items=2,
            total_pages=2,
            current_page=number,
        )
        for number in (1, 2)
    }

    reading, _ = read(**pages)

    assert named(reading)["daily_cost"].used == Decimal("1.00")
    assert named(reading)["daily_cost:sku_2"].used == Decimal("0.50")


@pytest.mark.parametrize(
    "answer",
    [
        do.insights(POINTS, total_items=3),
        do.insights(POINTS, total_pages=2),
        do.insights(POINTS, current_page=2),
        do.insights([do.data_point("2026-11-21", "1.00")]),
        do.insights([do.data_point("2026-10-20", "1.00")]),
        do.insights([do.data_point("2026-11-20", "NaN")]),
        do.insights([do.data_point("2026-11-20", "")]),
        {"data_points": []},
    ],
    ids=["too few", "one page twice", "another page", "today", "long ago", "nan", "empty", "bare"],
)
def test_insights_that_are_not_as_documented_are_a_gap_and_no_cost(answer):
    reading, _ = read(**{do.INSIGHTS: answer})

    assert [gap.kind for gap in reading.gaps] == ["daily_cost"]
    assert "daily_cost" not in named(reading)


def test_credits_beyond_a_days_cost_are_no_negative_use():
    points = [do.data_point("2026-11-20", "1.00"), do.data_point("2026-11-20", "-3.00", sku="c")]

    reading, _ = read(**{do.INSIGHTS: do.insights(points)})

    assert named(reading)["daily_cost"].used == 0
