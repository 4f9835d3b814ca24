import dataclasses
import datetime as dt
import shutil
import subprocess
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from costmon import __version__
from costmon.domain.child import ChildStatus
from costmon.domain.resource import Balance
from costmon.errors import FailureReason
from costmon.export.prometheus import CostCollector, LostRecords, exposition
from costmon.state import fold
from costmon.state.clock_steps import NO_STEPS, ClockSteps
from costmon.testing.clock import START
from costmon.testing.samples import failure, inventory, report, resource

LABELS = {"provider": "digitalocean", "account": "digitalocean"}


def child(name="poller.digitalocean", **facts):
    values = {
        "role": "poller",
        "state": "running",
        "generation": 3,
        "restarts": 2,
        "mailbox": 4,
        "dead_letters": 1,
        "dropped": 0,
        "busy_s": None,
        "last_error": None,
        "started_at": START,
    }
    return ChildStatus(name=name, **{**values, **facts})


def empty(accounts=(("digitalocean", "digitalocean"),)):
    return fold.first(accounts, {}, now=START, demo=False)


def polled(*resources, snapshot=None, balance=None, **facts):
    return fold.fetched(
        snapshot or empty(),
        report(**facts),
        inventory(resources or [resource(monthly="67.20")], balance=balance),
        START,
    )


def collector(snapshot, *, children=(), pending=0, lost=(), clock_steps=NO_STEPS, now=START):
    return CostCollector(
        snapshot=lambda: snapshot,
        children=lambda: children,
        pending=lambda: pending,
        lost=lambda: lost,
        clock_steps=lambda: clock_steps,
        now=lambda: now,
    )


def exposed(snapshot, *, accept="", **facts):
    return exposition([collector(snapshot, **facts)], accept)


def samples(snapshot, name, **facts):
    text = exposed(snapshot, **facts)[0].decode()
    return {
        tuple(sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def one(snapshot, name, labels=None, **facts):
    found = samples(snapshot, name, **facts)
    return found.get(tuple(sorted((labels or LABELS).items())))


def everything():
    balance = Balance(month_to_date_usage=Decimal("50.5"), currency="USD", generated_at=START)
    good = polled(balance=balance, failures=(("timeout", 2), ("rate_limit", 1)))
    return fold.failed(good, report("cycle-2"), failure(), START)


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_everything_parses(accept):
    body, content_type = exposed(everything(), children=(child(),), pending=3, accept=accept)

    parse = openmetrics if "openmetrics" in content_type else text_string_to_metric_families
    assert {family.name for family in parse(body.decode())} >= {
        "costmon_burn_rate_usd_per_hour",
        "costmon_collector_up",
        "costmon_breaker_state",
        "costmon_collector_poll_duration_seconds",
    }
    assert ("openmetrics" in content_type) == ("openmetrics" in accept)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say():
    body, _ = exposed(everything(), children=(child(), child("calculator")), pending=3)

    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=body, capture_output=True, check=False, timeout=20
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_the_burn_rate_is_what_live_resources_cost_an_hour():
    assert one(everything(), "costmon_burn_rate_usd_per_hour", {"provider": "digitalocean"}) == (
        pytest.approx(67.20 / 720)
    )


def test_before_the_first_poll_there_is_no_cost_and_no_verdict():
    for name in (
        "costmon_burn_rate_usd_per_hour",
        "costmon_collector_up",
        "costmon_breaker_state",
        "costmon_collector_last_success_timestamp_seconds",
        "costmon_data_complete_through_timestamp_seconds",
        "costmon_collector_next_poll_timestamp_seconds",
    ):
        assert samples(empty(), name) == {}, name


def test_nothing_published_leaves_the_metrics_of_the_process():
    text = exposed(None, children=(child(),))[0].decode()

    assert "costmon_actor_restarts_total" in text
    assert "costmon_burn_rate" not in text


def test_a_failed_poll_is_down_and_keeps_the_last_cost():
    snapshot = everything()

    assert one(snapshot, "costmon_collector_up") == 0
    assert one(polled(), "costmon_collector_up") == 1
    assert samples(snapshot, "costmon_burn_rate_usd_per_hour")
    assert one(snapshot, "costmon_collector_last_success_timestamp_seconds") == START.timestamp()


def test_an_account_never_read_has_no_burn_rate():
    snapshot = fold.failed(empty(), report(), failure("auth"), START)

    assert samples(snapshot, "costmon_burn_rate_usd_per_hour") == {}
    assert one(snapshot, "costmon_collector_up") == 0


def test_failures_are_counted_by_reason_and_under_the_former_name():
    snapshot = everything()

    failures = "costmon_collector_failures_total"
    assert one(snapshot, failures, {**LABELS, "reason": "timeout"}) == 2
    assert one(snapshot, failures, {**LABELS, "reason": "rate_limit"}) == 1
    former = "cost_collector_errors_total"
    assert one(snapshot, former, {**LABELS, "reason": "timeout"}) == 2
    assert one(snapshot, "costmon_collector_requests_total") == 6


def test_an_account_without_failures_counts_zero_errors_of_every_reason():
    by_reason = samples(polled(), "costmon_collector_failures_total")

    assert samples(polled(), "cost_collector_errors_total") == by_reason
    assert len(by_reason) == len(get_args(FailureReason))
    assert set(by_reason.values()) == {0}


def test_each_reading_has_its_own_verdict_age_and_interval():
    snapshot = everything()
    labels = {**LABELS, "reading": "inventory"}

    assert one(snapshot, "costmon_reading_up", labels) == 0
    assert one(polled(), "costmon_reading_up", labels) == 1
    assert one(snapshot, "costmon_reading_last_success_timestamp_seconds", labels) == (
        START.timestamp()
    )
    assert one(snapshot, "costmon_reading_interval_seconds", labels) == 300
    assert samples(empty(), "costmon_reading_up") == {}
    assert samples(empty(), "costmon_reading_last_success_timestamp_seconds") == {}


def test_an_account_is_as_old_as_the_oldest_of_its_readings_and_as_complete_as_its_charges():
    (account,) = polled().accounts
    inventory_reading = account.readings["inventory"]
    before = START - dt.timedelta(days=2)
    charges = dataclasses.replace(
        inventory_reading, kind="charges", last_success_at=START, complete_through=before
    )
    inventory_reading = dataclasses.replace(inventory_reading, last_success_at=before)
    both = {"inventory": inventory_reading, "charges": charges}
    snapshot = dataclasses.replace(
        polled(), accounts=(dataclasses.replace(account, readings=both),)
    )

    for name in ("collector_last_success", "data_complete_through"):
        assert one(snapshot, f"costmon_{name}_timestamp_seconds") == before.timestamp()


def test_the_start_of_the_process_is_told():
    assert samples(None, "process_start_time_seconds") == {(): START.timestamp()}


def test_the_breaker_is_in_exactly_one_state():
    states = samples(everything(), "costmon_breaker_state")

    assert sorted(states.values()) == [0, 0, 1]
    assert states[tuple(sorted({**LABELS, "costmon_breaker_state": "closed"}.items()))] == 1


def test_durations_are_cumulative_and_end_with_all_cycles():
    accounts = (("a", "digitalocean"), ("b", "digitalocean"))
    snapshot = empty(accounts)
    for name, duration_s in (("a", 0.05), ("b", 700.0)):
        snapshot = fold.fetched(
            snapshot,
            report(name, account=name, duration_s=duration_s),
            inventory(account=name),
            START,
        )

    buckets = samples(snapshot, "costmon_collector_poll_duration_seconds_bucket")
    by_bound = {dict(labels)["le"]: count for labels, count in buckets.items()}

    assert by_bound["0.1"] == 1
    assert by_bound["120.0"] == 1
    assert by_bound["+Inf"] == 2
    provider = {"provider": "digitalocean"}
    assert one(snapshot, "costmon_collector_poll_duration_seconds_count", provider) == 2
    assert one(snapshot, "costmon_collector_poll_duration_seconds_sum", provider) == 700.05


def test_the_children_are_told_by_name():
    children = (child(), child("calculator", state="failed", restarts=0))
    poller, calculator = {"actor": "poller.digitalocean"}, {"actor": "calculator"}

    def told(name, labels):
        return one(None, name, labels, children=children)

    assert told("costmon_actor_restarts_total", poller) == 2
    assert told("costmon_actor_restarts_total", calculator) == 0
    assert told("costmon_actor_mailbox_messages", poller) == 4
    assert told("costmon_actor_dead_letters_total", poller) == 1
    assert told("costmon_actor_up", poller) == 1
    assert told("costmon_actor_up", calculator) == 0


def test_waiting_observations_and_the_version_are_told():
    assert samples(None, "costmon_journal_waiting_observations", pending=7) == {(): 7}
    assert list(samples(None, "costmon_build_info")) == [(("version", __version__),)]


@given(st.text(max_size=30))
def test_a_hostile_account_name_stays_one_label_value(name):
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    snapshot = fold.fetched(
        empty(((name, "digitalocean"),)),
        report(account=name),
        inventory([resource(account=name)], account=name),
        START,
    )

    found = samples(snapshot, "costmon_collector_up")

    assert list(found.values()) == [1]


def test_records_that_a_journal_lost_are_counted_by_reason():
    lost = (LostRecords("observations", no_space=2, unreadable=1),)

    assert samples(None, "costmon_journal_records_lost_total", lost=lost) == {
        (("journal", "observations"), ("reason", "no_space")): 2,
        (("journal", "observations"), ("reason", "unreadable")): 1,
    }


def test_steps_of_the_clock_are_counted_and_the_last_one_is_told():
    assert samples(None, "costmon_clock_last_step_seconds") == {}

    steps = ClockSteps(count=2, last_step_s=-259_200.0, noticed_s=5.0)

    assert samples(None, "costmon_clock_steps_total", clock_steps=steps) == {(): 2}
    assert samples(None, "costmon_clock_last_step_seconds", clock_steps=steps) == {(): -259_200}
