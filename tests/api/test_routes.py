import dataclasses
import datetime as dt
import re
from decimal import Decimal

import pytest
import structlog

from costmon.domain.budget import Budget
from costmon.domain.cap import DEFAULT_LEVELS, Cap
from costmon.domain.charge_report import ChargeTotal
from costmon.domain.poll import ReadingKey, StoredReading
from costmon.domain.resource import Gap, KindFailure
from costmon.state import fold
from costmon.state.charges import nothing_known
from costmon.state.clock_steps import ClockSteps
from costmon.testing.clock import START
from costmon.testing.samples import ALL_READINGS, failure, report, resource


def test_providers_say_how_reading_goes(world):
    world.poll(resource(), gaps=(Gap(kind="database", reason="needs database:read"),))
    world.clock.advance(65)

    answer = world.client().get("/api/v1/providers")

    assert answer.json == {
        "data": [
            {
                "name": "digitalocean",
                "provider": "digitalocean",
                "state": "up",
                "reason": None,
                "failure": None,
                "last_success": "2026-11-21T10:00:00Z",
                "data_complete_through": "2026-11-21T10:00:00Z",
                "next_poll": "2026-11-21T10:05:00Z",
                "age_s": 65,
                "breaker": "closed",
                "gaps": [{"kind": "database", "reason": "needs database:read"}],
                "readings": [
                    {
                        "reading": "inventory",
                        "state": "up",
                        "reason": None,
                        "failure": None,
                        "last_success": "2026-11-21T10:00:00Z",
                        "data_complete_through": "2026-11-21T10:00:00Z",
                        "next_poll": "2026-11-21T10:05:00Z",
                        "age_s": 65,
                        "breaker": "closed",
                        "gaps": [{"kind": "database", "reason": "needs database:read"}],
                    }
                ],
                "stale_kinds": [],
                "missing": [],
            }
        ],
        "meta": {"count": 1},
    }


def row_of(world):
    [row] = world.client().get("/api/v1/providers").json["data"]
    return row


def test_a_kind_that_cannot_be_read_is_named_with_its_age_and_the_account_is_degraded(world):
    world.poll(resource("d", kind="database"))
    world.clock.advance(300)
    failed = KindFailure(kind="database", reason="server", message="answered 500")
    world.poll(resource("v", kind="volume"), failed=(failed,))
    world.clock.advance(5)

    row = row_of(world)

    assert row["state"] == "degraded"
    assert row["failure"] is None, "the account as such can be read"
    assert row["stale_kinds"] == [
        {
            "kind": "database",
            "reason": "answered 500",
            "failure": "server",
            "since": "2026-11-21T10:05:00Z",
            "last_success": "2026-11-21T10:00:00Z",
            "age_s": 305,
        }
    ]
    current = world.client().get("/api/v1/costs/current").json
    assert current["data"]["resource_count"] == 2
    assert current["meta"]["stale"] is True


def test_a_reading_that_fails_leaves_the_others_up_and_the_account_degraded(world):
    start = fold.Start(name="digitalocean", provider="digitalocean", intervals=ALL_READINGS)
    world.snapshot = dataclasses.replace(
        fold.first([start], {}, now=world.clock.now(), demo=False), sequence=10
    )
    world.poll(resource())
    later = report("r1", reading="charges")
    gap = Gap(kind="tax", reason="not on this plan")
    world._publish(
        fold.charged(
            world.snapshot, later, complete_through=START, gaps=(gap,), now=world.clock.now()
        )
    )
    world._publish(
        fold.failed(
            world.snapshot,
            report("r2", reading="usage"),
            failure("timeout", "no answer"),
            world.clock.now(),
        )
    )

    row = row_of(world)

    assert (row["state"], row["reason"]) == ("degraded", "usage: no answer")
    states = {it["reading"]: (it["state"], it["reason"]) for it in row["readings"]}
    assert states == {
        "inventory": ("up", None),
        "charges": ("up", None),
        "usage": ("blind", "no answer"),
    }
    [charges] = [it for it in row["readings"] if it["reading"] == "charges"]
    assert charges["data_complete_through"] == "2026-11-21T10:00:00Z"
    assert row["gaps"] == [{"kind": "tax", "reason": "not on this plan"}]


def test_an_account_that_lacks_a_variable_is_off_and_names_it(world):
    start = fold.Start(
        name="acme",
        provider="acme",
        intervals={},
        missing=("ACME_KEY",),
        off_because="ACME_KEY is not set",
    )
    blank = fold.first([start], {}, now=world.clock.now(), demo=False)
    world._publish(dataclasses.replace(blank, sequence=10))

    row = row_of(world)

    assert (row["state"], row["missing"], row["readings"]) == ("off", ["ACME_KEY"], [])
    assert "ACME_KEY is not set" in row["reason"]


def test_a_refresh_says_which_readings_it_holds_back(world):
    world.held_back = ("charges", "usage")

    answer = world.client().post("/api/v1/refresh")

    assert answer.json["data"]["held_back"] == ["charges", "usage"]


def test_a_provider_that_fails_says_why(world):
    world.fail("auth", "digitalocean: GET /v2/droplets: the token is refused")

    [row] = world.client().get("/api/v1/providers").json["data"]

    assert row["state"] == "blind"
    assert row["failure"] == "auth"
    assert "the token is refused" in row["reason"]
    assert row["last_success"] is None


def test_a_provider_not_polled_yet_is_off(world):
    [row] = world.client().get("/api/v1/providers").json["data"]

    assert row["state"] == "off"


def test_actors_are_shown_as_the_supervisor_published_them(world, make_child):
    world.children.publish((make_child(restarts=2, last_error="ValueError('x')"),))

    answer = world.client().get("/api/v1/actors")

    assert answer.json["data"] == [
        {
            "name": "poller.digitalocean",
            "role": "poller",
            "state": "running",
            "generation": 1,
            "restarts": 2,
            "mailbox": 0,
            "dead_letters": 0,
            "dropped": 0,
            "busy_s": None,
            "last_error": "ValueError('x')",
            "started_at": "2026-11-21T10:00:00Z",
        }
    ]
    assert answer.json["meta"] == {"count": 1}


@pytest.mark.parametrize("path", ["/api/v1/refresh", "/refresh"])
def test_a_refresh_is_accepted_and_told_to_the_pollers(world, path):
    answer = world.client().post(path)

    assert answer.status_code == 202
    [requested] = world.requests
    assert answer.json["data"] == {"id": requested.id, "status": "accepted", "held_back": []}


def test_a_refresh_is_refused_while_the_service_stops(world):
    world.cell.close()

    assert world.client().post("/refresh").status_code == 503
    assert world.requests == []


def test_the_process_is_alive_even_when_nothing_works(world):
    world.cell.close()
    world.children.publish(())
    world.fault = "disk full"

    answer = world.client().get("/healthz")

    assert answer.status_code == 200
    assert answer.json["status"] == "ok"


def checks(world):
    answer = world.client().get("/readyz")
    return answer.status_code, {check["name"]: check["reason"] for check in answer.json["checks"]}


def test_it_is_ready_when_everything_works(world):
    world.poll()

    status, reasons = checks(world)

    assert status == 200
    assert set(reasons.values()) == {None}


def test_it_is_not_ready_before_the_first_poll(world):
    status, reasons = checks(world)

    assert status == 503
    assert reasons["first_poll_done"] == "no poll has finished for: digitalocean"


def test_after_a_restart_it_is_ready_without_a_poll_that_is_not_due_yet(world):
    now = world.clock.now()
    key = ReadingKey("openai", "openai", "charges")
    stored = StoredReading(
        key=key,
        next_poll_at=now + dt.timedelta(hours=23),
        last_success_at=now - dt.timedelta(hours=1),
        complete_through=None,
        usage=None,
    )
    start = fold.Start(name="openai", provider="openai", intervals={"charges": 86_400.0})
    first = fold.first([start], {}, now=now, demo=False, stored={key: stored})
    world.cell.publish(dataclasses.replace(first, sequence=first.sequence + 1))

    status, reasons = checks(world)

    assert status == 200, reasons
    samples = world.client().get("/metrics").text
    labels = 'account="openai",provider="openai",reading="charges"'
    assert f"costmon_reading_up{{{labels}}} 1.0" in samples


@pytest.mark.parametrize("state", ["set_aside", "waiting", "failed", "starting", "stopped"])
def test_it_is_not_ready_with_a_child_that_does_not_run(world, make_child, state):
    world.poll()
    world.children.publish((make_child(state=state), make_child("calculator")))

    status, reasons = checks(world)

    assert status == 503
    assert reasons["children_up"] == f"poller.digitalocean is {state}"


def test_it_is_not_ready_before_any_child_has_started(world):
    world.poll()
    world.children.publish(())

    assert checks(world)[0] == 503


def test_it_is_not_ready_without_its_database(world):
    world.poll()
    world.fault = "database is locked"
    world.pending = 3

    status, reasons = checks(world)

    assert status == 503
    assert reasons["database_reachable"] == "database is locked"
    assert reasons["observations_written"].startswith("3 observations are waiting")


def test_it_is_not_ready_with_stale_data(world):
    world.poll()
    world.clock.advance(3600)

    status, reasons = checks(world)

    assert status == 503
    assert "no poll has finished for too long" in reasons["data_fresh"]


def test_a_clock_that_was_set_is_told_and_data_from_its_future_is_stale_until_the_next_poll(world):
    world.poll()
    world.clock.step(-3 * 86_400)
    world.clock_steps.publish(
        ClockSteps(count=1, last_step_s=-259_200.0, noticed_s=world.clock.monotonic_s())
    )

    status, reasons = checks(world)
    current = world.client().get("/api/v1/costs/current").json

    assert status == 503
    assert "the clock was set back by 259200 s" in reasons["clock_steady"]
    assert "set back since the last poll" in reasons["data_fresh"]
    assert current["meta"]["stale"]


def test_it_is_not_ready_while_stopping(world):
    world.poll()
    world.cell.close()

    status, reasons = checks(world)

    assert status == 503
    assert reasons["snapshot_open"] is not None


def test_an_unknown_path_is_a_json_404(world):
    answer = world.client().get("/api/v1/nothing")

    assert answer.status_code == 404
    assert set(answer.json) == {"error", "message"}


def test_a_wrong_method_is_a_json_405_that_names_the_right_ones(world):
    answer = world.client().delete("/api/v1/costs/current")

    assert answer.status_code == 405
    assert set(answer.json) == {"error", "message"}
    assert "GET" in answer.headers["Allow"]


def test_an_unexpected_error_is_a_json_500_without_internals_and_logged_once(world):
    world.history_error = RuntimeError("secret-detail")
    client = world.client()

    with structlog.testing.capture_logs() as logs:
        answer = client.get("/api/v1/costs/history")

    assert answer.status_code == 500
    assert set(answer.json) == {"error", "message"}
    assert "secret-detail" not in answer.text
    assert [entry["event"] for entry in logs] == ["api.request_failed"]


def test_demo_is_said_in_every_collection(world):
    world.listen(demo=True)
    client = world.client()

    for path in ("/api/v1/providers", "/api/v1/actors"):
        assert client.get(path).json["meta"]["demo"] is True


def test_the_metrics_listener_serves_three_things_only(world):
    client = world.metrics_client()

    assert client.get("/metrics").status_code == 200
    assert client.get("/healthz").status_code == 200
    assert client.post("/refresh").status_code == 202
    assert client.get("/api/v1/costs/current").status_code == 404
    assert client.get("/").status_code == 404


def test_times_have_no_microseconds(world):
    world.clock.advance(0.123456)
    world.poll(resource(created_at=world.clock.now() - dt.timedelta(days=1)))

    shown = world.client().get("/api/v1/costs/current").json["data"]

    assert shown["as_of"] == "2026-11-21T10:00:00Z"


def test_the_metrics_have_each_family_once_with_what_was_charged(world):
    today = world.clock.now().date()
    amount = Decimal(3)
    total = ChargeTotal("Edge", "work", "vercel", "USD", "billed", "Edge", amount, amount, 1)
    known = nothing_known(world.clock.now(), today)
    world.charges.publish(dataclasses.replace(known, is_loaded=True, by_service=(total,)))
    world.caps = (Cap(Budget("global", "4", "month", "USD"), DEFAULT_LEVELS, enforce=False),)
    world.poll()

    text = world.client().get("/metrics").text

    families = re.findall(r"^# TYPE (\S+)", text, flags=re.MULTILINE)
    assert len(set(families)) == len(families)
    cost = 'costmon_month_to_date_cost_usd{account="work",basis="billed",provider="vercel"} 3.0'
    assert cost in text
    assert 'costmon_budget_used_ratio{budget="global month",source="charges"} 0.75' in text
