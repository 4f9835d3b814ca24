import datetime as dt
from decimal import Decimal

import pytest

from costmon.domain.budget import Budget, Thresholds
from costmon.errors import InputError
from costmon.guard.config import ScopeConfig
from costmon.guard.policy import budget_text
from costmon.guard.records import Records
from costmon.guard.rulebook import Rulebook
from costmon.guard.stores.memory import MemoryStore
from costmon.testing.clock import START, FakeClock


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def store(clock):
    return MemoryStore(clock=clock)


@pytest.fixture
def records(store, clock):
    return Records(store, clock=clock)


def test_a_recorded_cost_is_the_hosts_and_the_totals(records):
    records.record_cost(
        "https://A.example:443/inbox?x=1", "0.02", activity="Create", bytes_out=5000
    )
    records.record_cost("a.example", "0.01", activity="Like", failed=True, bytes_in=7)

    host = records.get_host_cost("a.example.", "2026-11")
    whole = records.get_cost_metrics("2026-11")

    assert (host.cost, host.requests, host.failed) == (Decimal("0.03"), 2, 1)
    assert (host.bytes_out, host.bytes_in, host.error_rate) == (5000, 7, 0.5)
    assert whole.total_cost == Decimal("0.03")
    assert whole.costs_by_activity == {"Create": Decimal("0.02"), "Like": Decimal("0.01")}


def test_a_cost_that_is_recorded_twice_counts_once(records):
    assert records.record_cost("a.example", 1, id="job-17")
    assert not records.record_cost("a.example", 1, id="job-17")

    assert records.get_cost_metrics("2026-11").total_cost == 1


def test_a_cost_without_an_id_is_another_one_each_time(records):
    assert records.record_cost("a.example", 1)
    assert records.record_cost("a.example", 1)

    assert records.get_cost_metrics("2026-11").requests == 2


def test_a_recorded_cost_counts_against_budgets_of_the_host_its_vendor_and_others(
    store, records, clock
):
    for scope in ("host:*", "provider:openai", "key:batch"):
        text = budget_text(Budget(scope, 10, "day"))
        store.update("budget", f"{scope}|day", lambda _, text=text: text)

    records.record_cost("api.openai.com", 3, scopes=["key:batch"])

    rules = Rulebook(
        store,
        (),
        Thresholds(),
        zone=dt.UTC,
        currency="USD",
        clock=clock,
        changed=lambda: None,
    ).rules()
    for scope in ("host:api.openai.com", "provider:openai", "key:batch"):
        line, limit = rules.line(scope, "day", clock.epoch_s())
        assert limit.nominal == 10 * 10**9
        assert store.totals([line]) == [(3 * 10**9, 0)]


@pytest.mark.parametrize(
    ("host", "cost", "facts"),
    [
        ("", 1, {}),
        ("a.example", -1, {}),
        ("a.example", "NaN", {}),
        ("a.example", 1, {"scopes": ["nonsense"]}),
        ("a.example", 1, {"bytes_out": -1}),
    ],
)
def test_what_is_no_cost_is_refused_and_not_counted(records, host, cost, facts):
    with pytest.raises(InputError):
        records.record_cost(host, cost, **facts)

    assert records.get_cost_metrics("2026-11").requests == 0


def test_a_host_without_a_cost_has_no_record(records):
    assert records.get_host_cost("a.example", "2026-11") is None


def test_the_costliest_hosts_come_first(records):
    for cost in (1, 3, 2):
        records.record_cost(f"h{cost}.example", cost)

    found = records.list_costly_hosts("2026-11", 2)

    assert [one.host for one in found] == ["h3.example", "h2.example"]


def test_health_is_unknown_until_somebody_tells(records):
    assert records.get_health("a.example") is None

    records.update_health("a.example", latency_s=0.2)

    health = records.get_health("a.example")
    assert health is not None
    assert health.healthy


def test_another_program_sees_the_health_that_was_told(store, records, clock):
    for _ in range(20):
        records.update_health("sick.example", failure="timeout", latency_s=10)

    found = Records(store, clock=clock).get_health("sick.example")

    assert found is not None
    assert not found.healthy


def test_unhealthy_hosts_come_worst_first_and_all_of_them(records):
    for number in range(60):
        for _ in range(20 + number % 3):
            records.update_health(f"h{number}.example", failure="5xx", latency_s=1)
    records.update_health("fine.example", latency_s=0.1)

    found = records.list_unhealthy_hosts()

    assert len(found) == 60
    assert [one.score for one in found] == sorted(one.score for one in found)


def config(scope, tier="standard", **fields):
    empty = ScopeConfig(scope, tier, None, None, None, START, START)
    return empty._replace(**fields)


def test_a_configuration_is_kept_and_read_back(records, clock):
    saved = records.save_host_config(
        config("host:A.example", "limited", custom_budget=Decimal(50), rate_limit=30)
    )

    assert saved.scope == "host:a.example"
    assert records.get_host_config("https://a.example/") == saved
    assert records.get_host_config("b.example") is None


def test_a_configuration_that_is_saved_again_is_as_old_as_before(records, clock):
    records.save_host_config(config("host:a.example", custom_budget=Decimal(50)))
    clock.advance(60)

    again = records.save_host_config(config("host:a.example", "blocked", created_at=clock.now()))

    assert again.created_at == START
    assert again.modified_at == clock.now()
    assert (again.tier, again.custom_budget) == ("blocked", None)


def test_configurations_are_listed_by_name_and_by_tier(records):
    for number, tier in enumerate(["premium", "blocked", "premium"]):
        records.save_host_config(config(f"host:h{9 - number}.example", tier))
    records.save_host_config(config("key:batch", "premium"))

    everything = records.list_host_configs()
    premium = records.list_host_configs("premium")

    assert [one.scope for one in everything] == [f"host:h{n}.example" for n in (7, 8, 9)]
    assert [one.scope for one in premium] == ["host:h7.example", "host:h9.example"]


@pytest.mark.parametrize(
    "fields",
    [{"scope": "host:*"}, {"tier": "gold"}, {"custom_budget": Decimal(-1)}, {"rate_limit": 0}],
)
def test_a_configuration_that_cannot_be_is_refused_and_not_kept(records, fields):
    with pytest.raises(InputError):
        records.save_host_config(config("host:a.example")._replace(**fields))

    assert records.list_host_configs() == ()
