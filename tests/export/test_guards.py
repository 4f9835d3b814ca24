import datetime as dt
import shutil
import subprocess
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from costmon.export.guards import GuardCollector
from costmon.export.prometheus import exposition
from costmon.export.scopes import MOST_SCOPES, Bounded
from costmon.state.guard_state import EMPTY
from costmon.testing.clock import START
from tests.api.samples import circuit, gauge, guard_state, policy, seen, told, total

SPENT = "costmon_guard_spent_usd_total"
DECISIONS = "costmon_guard_decisions_total"


def collector(shown, rules=None, now=START):
    return GuardCollector(guard_state=lambda: shown, policy=lambda: rules, now=lambda: now)


def samples_of(made, name):
    text = exposition([made], "")[0].decode()
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def samples(name, shown, rules=None, now=START):
    return samples_of(collector(shown, rules, now), name)


def everything():
    rules = policy(
        budgets=[told(), told("host:*", "5", "day")], circuits=[circuit(), circuit("key:b")]
    )
    totals = {
        ("global", "USD"): total(),
        ("host:api.openai.com", "USD"): total("1.5"),
        ("global", "EUR"): total("9", currency="EUR"),
        ('tag:a="\\\n', "USD"): total("0.1"),
    }
    return guard_state(totals=totals, unpriced={("model:new", "USD"): total()}), rules


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_everything_parses(accept):
    body, _ = exposition([collector(*everything())], accept)

    parse = openmetrics if accept else text_string_to_metric_families
    names = {family.name for family in parse(body.decode())}
    assert {name.removesuffix("_total") for name in names} == {
        "costmon_guard_spent_usd",
        "costmon_guard_decisions",
        "costmon_guard_unpriced_calls",
        "costmon_guard_unpriced_usd",
        "costmon_guard_held_usd",
        "costmon_guard_last_report_timestamp_seconds",
        "costmon_circuit_open",
    }


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say():
    body, _ = exposition([collector(*everything())], "")

    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=body, capture_output=True, check=False, timeout=20
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_without_guards_there_is_no_sample():
    assert exposition([collector(EMPTY)], "")[0] in {b"", b"# EOF\n"}


def test_spending_is_told_by_scope_and_vendor_in_dollars_only():
    found = samples(SPENT, *everything())

    assert found["", "global"] == 2.5
    assert found["openai", "host:api.openai.com"] == 1.5
    assert 9 not in found.values()


def test_decisions_are_charged_calls_and_refusals_by_reason():
    found = samples(
        DECISIONS, guard_state(totals={("global", "USD"): total(), ("global", "EUR"): total()})
    )

    assert found["allowed", "global"] == 20
    assert found["refused_budget", "host:api.example.com"] == 3


def test_calls_without_a_price_are_counted_by_scope_and_their_cost_in_dollars():
    unpriced = {
        ("global", "USD"): total("0.35", 7),
        ("global", "EUR"): total("9", 2),
        ("host:api.openai.com", "USD"): total("0.35", 7),
        ("model:new", "USD"): total("0.35", 7),
    }
    state = guard_state(unpriced=unpriced)

    assert samples("costmon_guard_unpriced_calls_total", state) == {
        ("", "global"): 9,
        ("openai", "host:api.openai.com"): 7,
        ("", "model:new"): 7,
    }
    assert samples("costmon_guard_unpriced_usd_total", state)["", "global"] == 0.35


def test_made_up_names_of_models_do_not_add_series_without_end():
    many = {(f"model:m{i}", "USD"): total(str(i + 1), i + 1) for i in range(MOST_SCOPES + 50)}

    found = samples(
        "costmon_guard_unpriced_calls_total",
        guard_state(unpriced={**many, ("global", "USD"): total("1", 1)}),
    )

    assert len(found) == MOST_SCOPES + 2
    assert found["", "other"] == sum(range(1, 51))
    assert found["", "global"] == 1


def test_guards_that_share_a_store_hold_what_they_hold_once():
    twice = guard_state(seen("g1"), seen("g2"))
    apart = guard_state(seen("g1"), seen("g2", store="s2"))

    assert samples("costmon_guard_held_usd", twice) == {("global",): 0.5}
    assert samples("costmon_guard_held_usd", apart) == {("global",): 1.0}


def test_what_a_silent_guard_held_is_not_known():
    later = START + dt.timedelta(minutes=5)

    assert samples("costmon_guard_held_usd", guard_state(), now=later) == {}


def test_a_circuit_is_open_until_it_expires():
    rules = policy(
        circuits=[
            circuit("host:a"),
            circuit("host:b", state="closed"),
            circuit("host:c", expires_at=START),
        ]
    )

    assert samples("costmon_circuit_open", EMPTY, rules) == {
        ("host:a",): 1,
        ("host:b",): 0,
        ("host:c",): 0,
    }


def test_the_last_report_is_told_by_program():
    shown = guard_state(
        seen("g1"), seen("g2", seen_at=START - dt.timedelta(hours=1)), seen("g3", app="b")
    )

    assert samples("costmon_guard_last_report_timestamp_seconds", shown) == {
        ("worker",): START.timestamp(),
        ("b",): START.timestamp(),
    }


def test_series_are_bounded_whatever_guards_report():
    many = range(1_000)
    shown = guard_state(
        *(seen(f"g{i}", store=f"s{i}", app=f"app-{i}", scopes=(gauge(f"key:{i}"),)) for i in many),
        totals={(f"tag:run={i}", "USD"): total(str(i)) for i in many},
        refused={(f"tag:run={i}", "budget"): i for i in many},
    )
    rules = policy(
        budgets=[told(f"key:{i}") for i in many], circuits=[circuit(f"key:{i}") for i in many]
    )

    body = exposition([collector(shown, rules)], "")[0].decode()

    assert len([line for line in body.splitlines() if not line.startswith("#")]) < 1_000
    spent = samples(SPENT, shown, rules)
    assert len(spent) == MOST_SCOPES + 1
    assert spent["", "tag:run=999"] == 999
    assert sum(spent.values()) == sum(many)


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from("abcde"), st.integers(0, 5)),
            st.frozensets(st.sampled_from("abcde")),
        ),
        max_size=12,
    )
)
def test_no_series_ever_falls_while_its_scope_is_shown(steps):
    counter = Bounded()
    value = dict.fromkeys("abcde", 0)
    before: dict[tuple[str, ...], Decimal] = {}

    for added, shown in steps:
        for scope, more in added.items():
            value[scope] += more
        after = dict(
            counter.series({(scope,): Decimal(count) for scope, count in value.items()}, shown)
        )
        assert all(after[labels] >= before[labels] for labels in before.keys() & after.keys())
        before = after
