"""Decisions that wait: on the disk, in order, and none is lost that a later one does not void."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.budget import Budget, Thresholds
from costmon.domain.change import AlertChange, BudgetChange, CircuitChange
from costmon.domain.circuit import Circuit
from costmon.domain.policy import PolicyBudget
from costmon.errors import StoreUnavailableError
from costmon.store import DecisionJournal
from costmon.store.changes import from_text, to_text
from costmon.testing.clock import START

ROOM = 1 << 16


def opening(number, *, scope=None, reason="why"):
    at = START + dt.timedelta(seconds=number)
    circuit = Circuit(scope or f"key:{number}", "open", reason, "ann", at, None, number)
    return CircuitChange(f"c{number}", circuit)


def setting(number, limit="3"):
    given = None
    if limit is not None:
        given = PolicyBudget(Budget("global", limit, "day", "EUR", Thresholds(50, 90)), "api", "b")
    return BudgetChange(f"b{number}", "global", "day", given, "b", START)


def test_what_is_kept_is_there_in_order_after_a_crash(tmp_path):
    snoozing = AlertChange("a1", "loop:openai", "ann", "", START, START + dt.timedelta(hours=1))
    changes = (opening(1), setting(2), setting(3, None), snoozing)
    with DecisionJournal(tmp_path / "d", ROOM) as decision_journal:
        for change in changes:
            assert decision_journal.keep(change) is change
        # A crash leaves the file as it is now: what is open does not matter.
        with DecisionJournal(tmp_path / "d", ROOM) as again:
            assert again.waiting() == changes
            assert len(again) == 4


def test_the_same_command_again_is_kept_once_as_it_was_first(tmp_path):
    with DecisionJournal(tmp_path / "d", ROOM) as decision_journal:
        decision_journal.keep(opening(1))

        assert decision_journal.keep(opening(1, reason="other words")) == opening(1)
        assert decision_journal.waiting() == (opening(1),)


def test_only_the_first_is_dropped_and_only_by_its_id(tmp_path):
    with DecisionJournal(tmp_path / "d", ROOM) as decision_journal:
        decision_journal.keep(opening(1))
        decision_journal.keep(opening(2))

        decision_journal.drop_first("c2")
        assert decision_journal.first() == opening(1)
        decision_journal.drop_first("c1")
        assert decision_journal.first() == opening(2)
        decision_journal.drop_first("c2")
        assert decision_journal.first() is None
        decision_journal.drop_first("c2")


def test_without_room_what_a_later_change_makes_void_is_given_up_first(tmp_path):
    with DecisionJournal(tmp_path / "d", 16_000) as decision_journal:
        decision_journal.keep(opening(0))
        for number in range(1, 200):
            decision_journal.keep(opening(number, scope="global", reason="x" * 200))

        waiting = decision_journal.waiting()
        assert waiting[0] == opening(0)
        assert waiting[-1].id == "c199"


def test_a_decision_journal_full_of_different_things_refuses_rather_than_forgets(tmp_path):
    def fill(decision_journal):
        for number in range(200):
            decision_journal.keep(opening(number, reason="x" * 200))

    with DecisionJournal(tmp_path / "d", 16_000) as decision_journal:
        with pytest.raises(StoreUnavailableError, match="full"):
            fill(decision_journal)

        assert [change.id for change in decision_journal.waiting()] == [
            f"c{n}" for n in range(len(decision_journal))
        ]


def test_a_place_that_cannot_be_opened_is_said(tmp_path):
    with pytest.raises(StoreUnavailableError, match="cannot be opened"):
        DecisionJournal(tmp_path / "missing" / "d", ROOM)


def test_a_record_that_is_no_change_is_passed_over(tmp_path):
    with DecisionJournal(tmp_path / "d", ROOM) as decision_journal:
        decision_journal._spool.append(b'{"kind": "of the future"}')
        decision_journal.keep(opening(2))

        assert decision_journal.waiting() == (opening(2),)
        assert decision_journal.first() == opening(2)


@given(
    reason=st.text(),
    limit=st.decimals(0, 9_000_000_000, allow_nan=False),
    expires=st.none() | st.datetimes(timezones=st.just(dt.UTC)),
)
def test_every_change_is_the_same_after_text(reason, limit, expires):
    circuit = Circuit("key:k", "open", reason, reason, START, expires, 3)
    for change in (CircuitChange("c", circuit), setting(1, limit)):
        assert from_text(to_text(change)) == change
