"""The simulated vendors that have charges: read by the providers of production."""

import datetime as dt
import random
import threading
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from costmon.bootstrap.provider_connection import ProviderConnection
from costmon.config import AccountSettings
from costmon.config.secret import Secret
from costmon.demo import BillingServer


@pytest.fixture
def billing(clock):
    server = BillingServer(clock, seed=7)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def read(billing, clock):
    """Return the provider of a vendor, connected to the simulation."""
    connections = []

    def connect(vendor, **options):
        account = AccountSettings(
            name=vendor,
            provider=vendor,
            credentials={"token": Secret(billing.token)},
            options=options,
            api_url=billing.urls[vendor],
        )
        connection = ProviderConnection(
            account,
            {},
            clock=clock,
            rng=random.Random(1),
            pause=threading.Event().wait,
            beat=lambda: None,
            state_dir=Path(),
        )
        connections.append(connection)
        return connection.provider

    yield connect
    for connection in connections:
        connection.close()


def newest(provider, clock):
    return next(iter(provider.charges("demo", clock.now(), None)))


def total_of(window):
    return sum((charge.billed_cost for charge in window.charges), Decimal())


def test_openai_charges_more_than_the_demo_s_cap_from_the_first_day_of_a_month(read, clock):
    clock.elapsed_s = 10 * 86_400 + 5 * 3600  # 1 December, 15:00

    window = newest(read("openai"), clock)

    assert window.start == dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    assert total_of(window) > 120


def test_openai_has_a_year_and_counts_tokens(read, clock):
    provider = read("openai")

    windows = list(provider.charges("openai", clock.now(), None))
    used = {one.quota: one.used for one in provider.usage("openai", clock.now()).quantities}

    assert len(windows) == 13
    assert all(total_of(window) > 0 for window in windows)
    assert used["input_tokens"] > used["output_tokens"] > 0


def test_openai_restates_a_complete_day_after_half_a_minute(read, clock):
    provider = read("openai")
    before = newest(provider, clock)

    clock.elapsed_s = 31
    after = newest(provider, clock)

    day = dt.datetime(2026, 11, 18, tzinfo=dt.UTC)
    amounts = [
        sum(charge.billed_cost for charge in window.charges if charge.charge_period_start == day)
        for window in (before, after)
    ]
    assert amounts[1] - amounts[0] == Decimal("14.20")
    assert before.complete_through > day


def test_vercel_has_charges_of_two_projects_and_counts_what_plans_limit(read, clock):
    provider = read("vercel", team_id="team_demo")

    window = newest(provider, clock)
    usage = provider.usage("vercel", clock.now())

    assert {charge.sub_account_name for charge in window.charges} == {None, "shop", "docs"}
    assert total_of(window) > 20
    assert usage.gaps == ()
    assert {"function_invocations", "deployments"} <= {one.quota for one in usage.quantities}


def test_supabase_has_a_plan_whose_use_is_counted(read, clock):
    provider = read("supabase")

    window = newest(provider, clock)
    usage = provider.usage("supabase", clock.now())

    assert {charge.basis for charge in window.charges} >= {"plan"}
    assert total_of(window) >= 25
    assert (usage.plan, usage.gaps) == ("pro", ())
    assert {"database_size", "table_rows", "disk_used"} <= {one.quota for one in usage.quantities}


def test_figures_are_the_same_at_every_start(billing, clock):
    path = "/v1/billing/charges?from=2026-11-01T07:00:00.000Z&to=2026-11-20T08:00:00.000Z"
    other = BillingServer(clock, seed=7)
    other.start()
    try:
        found = [
            requests.get(
                server.urls["vercel"] + path,
                headers={"Authorization": f"Bearer {server.token}"},
                timeout=5,
            ).content
            for server in (billing, other)
        ]
    finally:
        other.stop()

    assert found[0] == found[1]
    assert len(found[0].splitlines()) > 100


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("GET", "/openai/v1/organization/costs", "wrong", 401),
        ("GET", "/openai/v1/models", None, 404),
        ("GET", "/nothing", None, 404),
        ("POST", "/vercel/v6/deployments", None, 405),
    ],
)
def test_it_refuses_what_the_vendors_refuse(billing, method, path, token, status):
    base = billing.urls["vercel"].removesuffix("/vercel")

    answer = requests.request(
        method,
        base + path,
        headers={"Authorization": f"Bearer {token or billing.token}"},
        timeout=5,
    )

    assert answer.status_code == status
