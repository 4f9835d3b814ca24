"""What guards go by: the file, overlaid by what people decided."""

import datetime as dt
from decimal import Decimal

from costmon.domain.budget import Budget
from costmon.domain.change import BudgetChange, CircuitChange
from costmon.domain.circuit import Circuit
from costmon.domain.policy import PolicyBudget
from costmon.state import policy as policies
from costmon.testing.clock import START

NOTHING = policies.decided((), ())
HOUR = dt.timedelta(hours=1)
FILE = (Budget("global", "1000", "month", "USD"), Budget("host:*", "10", "day", "USD"))


def circuit(scope="global", state="open", *, expires_at=None, at=START):
    return Circuit(scope, state, "why", "ann", at, expires_at, 1)


def setting(limit, *, scope="global", period="month"):
    given = limit and PolicyBudget(Budget(scope, limit, period, "USD"), "api", "ann")
    return BudgetChange("b", scope, period, given, "ann", START)


def revision(taken, now=START, file=FILE):
    return policies.policy_of(file, taken, now).revision


def test_a_budget_set_by_api_wins_over_the_files_and_says_so():
    policy = policies.policy_of(FILE, policies.after(NOTHING, setting("5")), START)

    assert policy.budgets == (
        PolicyBudget(Budget("global", "5", "month", "USD"), "api", "ann"),
        PolicyBudget(FILE[1], "file", None),
    )


def test_a_budget_taken_back_leaves_the_files():
    taken = policies.after(policies.after(NOTHING, setting("5")), setting(None))

    assert policies.policy_of(FILE, taken, START) == policies.policy_of(FILE, NOTHING, START)


def test_budgets_of_other_periods_stay():
    taken = policies.after(NOTHING, setting("5", period="day"))

    periods = [it.budget.period for it in policies.policy_of(FILE, taken, START).budgets]
    assert periods == ["day", "month", "day"]


def test_decisions_can_be_read_back_from_a_policy():
    taken = policies.after(
        policies.after(NOTHING, setting("5")), CircuitChange("c", circuit("host:a"))
    )

    assert policies.of_policy(policies.policy_of(FILE, taken, START)) == taken


def test_the_revision_changes_with_every_change_and_with_nothing_else():
    opened = policies.after(NOTHING, CircuitChange("c", circuit(expires_at=START + HOUR)))
    same = policies.after(opened, CircuitChange("c", circuit(expires_at=START + HOUR)))

    revisions = {
        revision(NOTHING),
        revision(NOTHING, file=()),
        revision(opened),
        revision(opened, START + HOUR),
        revision(policies.after(NOTHING, setting("5"))),
        revision(policies.after(NOTHING, setting("6"))),
    }
    assert len(revisions) == 6
    assert revision(same, START + HOUR / 2) == revision(opened)


def test_the_revision_is_the_same_for_a_limit_that_was_read_from_the_database():
    typed, read = setting("5"), setting(Decimal("5.000000000"))

    assert revision(policies.after(NOTHING, typed)) == revision(policies.after(NOTHING, read))


def test_the_next_expiry_is_that_of_the_circuit_that_closes_first():
    circuits = [
        circuit("a"),
        circuit("b", expires_at=START + 2 * HOUR),
        circuit("c", expires_at=START + HOUR),
        circuit("d", expires_at=START - HOUR),
        circuit("e", "closed", expires_at=START + HOUR / 2),
    ]

    assert policies.next_expiry(circuits, START) == START + HOUR
    assert policies.next_expiry(circuits[:1], START) is None


def test_what_has_been_closed_for_a_month_is_not_told_and_what_is_open_always():
    month_ago = START - policies.FORGOTTEN_AFTER
    taken = policies.decided(
        (
            circuit("key:closed", "closed", at=month_ago),
            circuit("key:expired", expires_at=month_ago, at=month_ago),
            circuit("key:just", "closed"),
            circuit("key:open", at=month_ago - HOUR),
        ),
        (),
    )

    policy = policies.policy_of((), taken, START)
    assert [it.scope for it in policy.circuits] == ["key:just", "key:open"]
