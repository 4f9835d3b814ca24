"""Circuits and budgets in the database: each change once, and who made it."""

import datetime as dt
import json
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from costmon.domain.budget import Budget, Thresholds
from costmon.domain.change import AlertChange, BudgetChange, CircuitChange
from costmon.domain.circuit import Circuit
from costmon.domain.policy import PolicyBudget
from costmon.errors import StoreFencedError
from costmon.store.changes import from_text
from costmon.testing.clock import START


def circuit(state="open", *, scope="host:a.example", revision=1, expires_at=None, reason="bills"):
    return Circuit(scope, state, reason, "ann", START, expires_at, revision)


def budget(limit="10", *, scope="global", period="month", levels=None):
    return PolicyBudget(Budget(scope, limit, period, "USD", levels), "api", "ann")


def budget_change(id_, given, *, scope="global", period="month"):
    return BudgetChange(id_, scope, period, given, "ann", START)


def test_a_circuit_comes_back_as_it_was_decided(store, token):
    opened = circuit(expires_at=START + dt.timedelta(hours=1, microseconds=7))

    assert store.apply_change(CircuitChange("c1", opened), token)

    assert store.decisions().circuits == (opened,)


def test_the_last_change_of_a_scope_holds_and_all_are_in_the_audit(store, token, look):
    store.apply_change(CircuitChange("c1", circuit()), token)
    closed = circuit("closed", revision=2)
    store.apply_change(CircuitChange("c2", closed), token)

    assert store.decisions().circuits == (closed,)
    assert look("SELECT change_id, kind, scope, author FROM audit ORDER BY id") == [
        ("c1", "circuit", "host:a.example", "ann"),
        ("c2", "circuit", "host:a.example", "ann"),
    ]


def test_who_decided_what_about_an_alert_when_and_why_is_in_the_audit_once(store, token, look):
    until = START + dt.timedelta(hours=1)
    change = AlertChange("a1", "finding:global:USD:burst", "ann", "a load test", START, until)

    assert store.apply_change(change, token)
    assert not store.apply_change(change, token)

    ((id_, kind, scope, author, text),) = look(
        "SELECT change_id, kind, scope, author, change FROM audit"
    )
    assert (id_, kind, scope, author) == ("a1", "alert", "finding:global:USD:burst", "ann")
    assert from_text(text) == change


def test_a_change_that_comes_again_late_changes_nothing(store, token, look):
    opened, closed = CircuitChange("c1", circuit()), CircuitChange("c2", circuit("closed"))
    store.apply_change(opened, token)
    store.apply_change(closed, token)
    before = look.everything()

    assert not store.apply_change(opened, token)

    assert look.everything() == before


@pytest.mark.parametrize(
    "levels", [None, Thresholds("75.5", 90), Thresholds("0.0000000000001", 100)]
)
def test_a_budget_comes_back_exact_to_a_nano_unit(store, token, levels):
    given = budget("1000.000000001", scope="host:*", period="rolling:24h", levels=levels)

    store.apply_change(budget_change("b1", given, scope="host:*", period="rolling:24h"), token)

    (found,) = store.decisions().budgets
    assert found.budget._replace(levels=None) == given.budget._replace(levels=None)
    assert (found.source, found.author) == ("api", "ann")
    if levels is not None:
        assert found.budget.levels is not None
        assert abs(found.budget.levels.warn - levels.warn) < Decimal("0.00000001")


def test_a_budget_that_is_taken_back_is_gone_and_remembered(store, token, look):
    store.apply_change(budget_change("b1", budget()), token)
    store.apply_change(budget_change("b2", None), token)

    assert store.decisions().budgets == ()
    changes = [json.loads(row[0]) for row in look("SELECT change FROM audit ORDER BY id")]
    assert changes[0]["budget"]["limit"] == "10"
    assert changes[1]["budget"] is None


def test_hostile_words_are_stored(store, token):
    change = circuit(reason="\0\ud800" * 5000)

    assert store.apply_change(CircuitChange("\0", change), token)

    assert len(store.decisions().circuits) == 1


def test_a_row_that_is_no_budget_is_said_and_left_out(store, token, look):
    store.apply_change(budget_change("b1", budget()), token)
    look.write("UPDATE budget SET period = 'fortnight'")

    with capture_logs() as lines:
        assert store.decisions().budgets == ()

    assert [line["event"] for line in lines] == ["store.budget_unreadable"]


def test_a_replaced_writer_decides_nothing(store, token, look):
    store.claim("persister")

    with pytest.raises(StoreFencedError):
        store.apply_change(CircuitChange("c1", circuit()), token)

    assert look("SELECT count(*) FROM circuit") == [(0,)]
