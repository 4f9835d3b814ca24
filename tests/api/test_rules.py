"""`GET /api/v1/rules`: how each rule stands, and never ok while that is not known."""

import datetime as dt
from decimal import Decimal

from costmon.alerts.rules import RuleWatch
from costmon.domain.rule import Breaker, Rule

SCOPE = "provider:digitalocean"
RULE = Rule(SCOPE, Decimal(10), Decimal(100))


def spend(world, amount, rule=RULE, scope=SCOPE):
    world.rules = (rule,)
    watch = RuleWatch(world.rules)
    watch.update(scope, world.clock.now(), amount)
    world.rule_standings = watch.standings()


def rows(world):
    answer = world.client().get("/api/v1/rules")
    assert answer.status_code == 200
    return answer.json["data"]


def status_of(world):
    (row,) = rows(world)
    return row["status"], row["reason"]


def test_there_are_no_rules_at_first(world):
    assert rows(world) == []


def test_a_rule_is_shown_with_limits_and_figures(world):
    world.poll()
    breaker = Breaker(enabled=True, on_finding="critical")

    spend(world, "8.5", RULE._replace(breaker=breaker))

    assert rows(world) == [
        {
            "scope": SCOPE,
            "rule": SCOPE,
            "status": "warning",
            "reason": None,
            "currency": "USD",
            "spent_hour": "8.500000000",
            "hourly": "10",
            "spent_day": "8.500000000",
            "daily": "100",
            "exceeded": [],
            "spike_multiplier": "3",
            "cooldown_s": 1800.0,
            "breaker": {
                "enabled": True,
                "threshold_multiplier": "5",
                "on_budget": False,
                "on_finding": "critical",
                "open_s": 3600.0,
            },
            "as_of": "2026-11-21T10:00:00Z",
        }
    ]


def test_the_status_follows_what_was_spent(world):
    world.poll()
    spend(world, 8)
    assert status_of(world) == ("ok", None)

    spend(world, 11)

    assert status_of(world) == ("exceeded", None)
    assert rows(world)[0]["exceeded"] == ["hourly"]


def test_a_rule_without_an_amount_is_blind_and_not_ok(world):
    world.poll()
    world.rules = (RULE,)

    assert status_of(world) == ("blind", "no amount has been read yet")


def test_a_rule_is_blind_once_its_vendor_cannot_be_read(world):
    world.poll()
    spend(world, 8)
    for _ in range(6):
        world.clock.advance(dt.timedelta(hours=1).total_seconds())
        world.fail()

    assert status_of(world) == ("blind", "digitalocean: GET /v2/droplets: answered 500")


def test_a_rule_of_a_vendor_without_an_account_is_not_collected(world):
    world.poll()
    world.rules = (Rule("provider:github"), Rule("account:team-b", Decimal(1)))

    assert [(row["scope"], row["status"], row["reason"]) for row in rows(world)] == [
        ("account:team-b", "not collected", "no account team-b is read"),
        ("provider:github", "not collected", "no provider github is read"),
    ]
    assert rows(world)[1]["hourly"] == "5"


def test_what_guards_tell_of_counts_without_an_account(world):
    world.poll()

    spend(world, 11, Rule("host:api.example.com", Decimal(10)), "host:api.example.com")

    assert status_of(world) == ("exceeded", None)


def test_a_rule_for_each_provider_is_shown_for_each(world):
    world.poll()

    spend(world, 26, Rule("provider:*"), "provider:supabase")

    assert [(row["scope"], row["rule"], row["status"]) for row in rows(world)] == [
        (SCOPE, "provider:*", "blind"),
        ("provider:supabase", "provider:*", "exceeded"),
    ]
