import datetime as dt
from decimal import Decimal

from costmon.domain.budget import Thresholds
from tests.api.samples import gauge, guard_state, lease, policy, seen, told, total

GUARD = "/api/v1/guard"


def rows(world, noun):
    answer = world.client().get(f"{GUARD}/{noun}")
    assert answer.status_code == 200
    assert answer.json["meta"] == {"count": len(answer.json["data"])}
    return answer.json["data"]


def test_without_a_guard_every_list_is_empty(world):
    for noun in ("guards", "scopes", "leases", "refusals", "unpriced"):
        assert rows(world, noun) == []


def test_a_guard_is_shown_with_its_age(world):
    world.guard_state.publish(guard_state())
    world.confirmed.publish({"g1": 6})
    world.clock.advance(12)

    assert rows(world, "guards") == [
        {
            "guard": "g1",
            "store": "s1",
            "app": "worker",
            "host": "box",
            "pid": 12,
            "currency": "USD",
            "seen_at": "2026-11-21T10:00:00Z",
            "age_s": 12,
            "away": False,
            "sequence": 7,
            "confirmed": 6,
            "leases": 1,
            "refused": 3,
            "authenticated": False,
        }
    ]


def test_a_guard_that_is_silent_for_more_than_a_minute_is_away(world):
    world.guard_state.publish(guard_state())
    world.clock.advance(61)

    assert rows(world, "guards")[0]["away"] is True


def test_amounts_are_exact(world):
    world.guard_state.publish(guard_state(seen(scopes=(gauge(spent="0.000000001", held="0"),))))

    [row] = rows(world, "scopes")
    assert (row["spent"], row["limit"], row["remaining"]) == ("0.000000001", "10", "9.999999999")


def test_a_scope_without_a_limit_has_nothing_remaining_and_not_zero(world):
    world.guard_state.publish(guard_state(seen(scopes=(gauge(limit=None),))))

    [row] = rows(world, "scopes")
    assert (row["limit"], row["remaining"]) == (None, None)


def test_a_debt_leaves_nothing_rather_than_less(world):
    world.guard_state.publish(guard_state(seen(scopes=(gauge(spent="12"),))))

    assert Decimal(rows(world, "scopes")[0]["remaining"]) == 0


def test_guards_of_one_store_say_the_same_once_by_the_latest(world):
    later = world.clock.now() + dt.timedelta(seconds=5)
    world.guard_state.publish(
        guard_state(
            seen("g2", seen_at=later, scopes=(gauge(spent="3"),)),
            seen("g1"),
            seen("g3", store="s2"),
        )
    )

    found = {row["store"]: row for row in rows(world, "scopes")}

    assert (found["s1"]["spent"], found["s1"]["guards"]) == ("3", ["g1", "g2"])
    assert found["s2"]["guards"] == ["g3"]


def test_the_fullest_budget_comes_first(world):
    world.guard_state.publish(
        guard_state(
            seen(
                scopes=(
                    gauge("key:low", spent="1"),
                    gauge("key:none", limit=None, spent="99"),
                    gauge("key:high", spent="9"),
                )
            )
        )
    )

    assert [row["scope"] for row in rows(world, "scopes")] == ["key:high", "key:low", "key:none"]


def test_a_window_that_has_ended_is_over(world):
    world.guard_state.publish(guard_state())
    world.clock.advance(3_600)

    assert rows(world, "scopes")[0]["over"] is True


def test_a_call_in_flight_is_shown_until_its_lease_ends(world):
    soon = world.clock.now() + dt.timedelta(seconds=30)
    world.guard_state.publish(guard_state(seen(leases=(lease("b"), lease("a", expires_at=soon)))))

    assert [row["id"] for row in rows(world, "leases")] == ["a", "b"]
    world.clock.advance(30)
    assert [row["id"] for row in rows(world, "leases")] == ["b"]


def test_calls_without_a_price_are_counted_by_model_and_host_most_first(world):
    unpriced = {
        ("global", "USD"): total("0.35", 7),
        ("host:llm.example", "USD"): total("0.35", 7),
        ("key:ann", "USD"): total("0.35", 7),
        ("model:new", "USD"): total("0.30", 6),
        ("model:none-left", "USD"): total("0", 0),
    }
    world.guard_state.publish(guard_state(unpriced=unpriced))

    assert rows(world, "unpriced") == [
        {"scope": "host:llm.example", "currency": "USD", "calls": 7, "spent": "0.35"},
        {"scope": "model:new", "currency": "USD", "calls": 6, "spent": "0.30"},
    ]


def test_a_refusal_is_shown_with_its_whole_text(world):
    world.guard_state.publish(guard_state())

    assert rows(world, "refusals") == [
        {
            "at": "2026-11-21T10:00:00Z",
            "guard": "g1",
            "scope": "host:api.example.com",
            "reason": "budget",
            "text": "host:api.example.com has no money left",
        }
    ]


def test_metrics_are_served(world):
    world.guard_state.publish(guard_state())

    assert 'costmon_guard_spent_usd_total{provider="",scope="global"} 2.5' in (
        world.client().get("/metrics").text
    )


def test_a_budget_that_nothing_has_used_yet_is_listed_after_the_others_with_zero_spent(world):
    levels = Thresholds(50, 80)
    unused = [told("key:new", "20", "day", levels=levels), told("host:*", "5", "total")]
    world.policy.publish(policy(budgets=[*unused, told("global", "10")]))
    world.guard_state.publish(guard_state())

    first, *others = rows(world, "scopes")

    assert (first["scope"], first["spent"]) == ("global", "2.5")
    assert [(it["scope"], it["period"], it["limit"], it["spent"]) for it in others] == [
        ("key:new", "day", "16", "0"),
        ("host:*", "total", "5", "0"),
    ]
    assert (others[0]["remaining"], others[0]["reported_at"]) == ("16", None)


def test_the_budget_of_a_pattern_is_not_listed_beside_those_of_its_scopes(world):
    world.policy.publish(policy(budgets=[told("key:*", "20")]))
    world.guard_state.publish(guard_state(seen(scopes=(gauge("key:a"),))))

    assert [row["scope"] for row in rows(world, "scopes")] == ["key:a"]


def test_what_a_budget_has_spent_is_unknown_when_only_silent_guards_have_used_it(world):
    world.policy.publish(policy(budgets=[told("key:a", "20", "day"), told("key:*", "20", "hour")]))
    world.guard_state.publish(guard_state(totals={("key:a", "USD"): total("3")}))

    assert [
        (row["scope"], row["spent"], row["held"], row["remaining"])
        for row in rows(world, "scopes")[1:]
    ] == [("key:a", None, None, None), ("key:*", None, None, None)]
