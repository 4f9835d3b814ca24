import pytest

from costmon.domain.budget import Budget, Thresholds
from costmon.messages import RemoveBudget, SetBudget
from tests.api.samples import policy, told

BUDGETS = "/api/v1/budgets"
WANTED = {"scope": "host:*", "limit": "12.50", "period": "day"}


def test_every_budget_is_listed_with_who_said_so(world):
    levels = Thresholds(70, "99.5")
    world.policy.publish(
        policy(
            budgets=[
                told(),
                told("key:b", "0.10", "hour", source="api", author="ann", levels=levels),
            ]
        )
    )

    answer = world.client().get(BUDGETS).json

    assert answer["meta"] == {"count": 2}
    assert answer["data"][1] == {
        "scope": "key:b",
        "limit": "0.10",
        "period": "hour",
        "currency": "USD",
        "warn": "70",
        "block": "99.5",
        "source": "api",
        "author": "ann",
    }


def test_budgets_that_are_not_known_are_not_called_none(world):
    world.policy.publish(None)

    assert world.client().get(BUDGETS).status_code == 503


def test_setting_a_budget_tells_the_policy_actor(world):
    answer = world.client().put(
        BUDGETS, json={**WANTED, "currency": "eur", "warn": "50", "block": "95", "author": "ann"}
    )

    [command] = world.told
    assert answer.status_code == 202
    assert answer.json["data"] == {"id": command.id, "status": "accepted"}
    budget = Budget("host:*", "12.50", "day", "EUR", Thresholds(50, 95))
    assert command == SetBudget(id=command.id, budget=budget, author="alice")


def test_a_budget_is_in_dollars_and_at_the_guards_levels_unless_it_says_otherwise(world):
    world.client().put(BUDGETS, json=WANTED)

    [command] = world.told
    assert command.budget.currency == "USD"
    assert command.budget.levels is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"scope": "nothing"}, "scope"),
        ({"scope": "x" * 500}, "scope"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "NaN"}, "limit"),
        ({"limit": "Infinity"}, "limit"),
        ({"limit": "1e30"}, "limit"),
        ({"limit": "0.0000000001"}, "limit"),
        ({"limit": "1" * 50}, "limit"),
        ({"limit": 5}, "$.limit"),
        ({"limit": ""}, "limit"),
        ({"period": "fortnight"}, "period"),
        ({"period": "rolling:0s"}, "period"),
        ({"currency": "dollars"}, "currency"),
        ({"warn": "0"}, "warn"),
        ({"warn": "101"}, "warn"),
        ({"block": "no"}, "block"),
        ({"thresholds": 1}, "thresholds"),
    ],
)
def test_what_cannot_be_accepted_is_named_and_nobody_is_told(world, change, named):
    answer = world.client().put(BUDGETS, json={**WANTED, **change})

    assert answer.status_code == 400
    assert named in answer.json["message"]
    assert world.told == []


def test_taking_a_budget_back_tells_the_policy_actor(world):
    answer = world.client().delete(f"{BUDGETS}?scope=host:A.example&period=monthly&author=ann")

    [command] = world.told
    assert answer.status_code == 202
    assert command == RemoveBudget(
        id=command.id, scope="host:a.example", period="month", author="alice"
    )


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("", "missing: period, scope"),
        ("?scope=global", "missing: period"),
        ("?scope=x&period=day", "scope"),
        ("?scope=global&period=never", "period"),
        ("?scope=global&scope=global&period=day", "2 times"),
        ("?scope=global&period=day&all=1", "'all'"),
    ],
)
def test_which_budget_must_be_named(world, query, named):
    answer = world.client().delete(BUDGETS + query)

    assert answer.status_code == 400
    assert named in answer.json["message"]
    assert world.told == []


def test_while_the_service_stops_nothing_is_accepted(world):
    world.cell.close()

    assert world.client().put(BUDGETS, json=WANTED).status_code == 503
    assert world.told == []
