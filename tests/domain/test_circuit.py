"""Circuits that rules open: open, half-open, open for twice as long, closed; as a state machine."""

import datetime as dt

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from costmon.domain.circuit import LONGEST_OPENING, Circuit, Opening, opened_by_rule

START = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)
SCOPE = "provider:openai"
HOUR = dt.timedelta(hours=1)


def opening(reason="51 USD in the last hour", cause="threshold", open_s=3600.0, trial_s=3600.0):
    return Opening("o", SCOPE, SCOPE, cause, reason, open_s, trial_s)


def opened(before, now, reason="51 USD in the last hour", **facts):
    return opened_by_rule(before, opening(reason, **facts), now, 1)


def test_a_rule_opens_for_its_time_and_then_calls_pass_on_trial():
    circuit = opened(None, START)

    assert circuit.author == "rule provider:openai"
    assert circuit.current_state(START) == "open"
    assert circuit.current_state(START + HOUR) == "half-open"
    assert not circuit.is_open(START + HOUR)
    assert circuit.current_state(START + 2 * HOUR) == "closed"


def test_during_the_trial_it_opens_at_once_for_twice_as_long():
    first = opened(None, START)

    second = opened(first, START + HOUR, "6 USD in 5 minutes")

    assert second.openings == 2
    assert second.expires_at == START + 3 * HOUR
    assert second.current_state(START + 5 * HOUR - dt.timedelta(seconds=1)) == "half-open"


def test_after_the_trial_it_begins_with_its_first_time_again():
    first = opened(None, START)

    later = opened(first, START + 2 * HOUR, "52 USD in the last hour")

    assert (later.openings, later.expires_at) == (1, START + 3 * HOUR)


def test_while_it_is_open_a_rule_changes_nothing_by_hand_or_not():
    by_hand = Circuit(SCOPE, "open", "stop", "ann", START, None, 1)

    assert opened(by_hand, START + 100 * HOUR) is None
    assert opened(opened(None, START), START + HOUR / 2) is None


def test_what_was_closed_by_hand_is_not_opened_by_what_was_spent_before():
    by_budget = opened(None, START, "12 of 10 USD", cause="budget")
    closed = by_budget.closed(reason="fine", author="ann", now=START + HOUR / 2, revision=2)

    assert closed.current_state(START + HOUR / 2) == "closed"
    assert opened(closed, START + HOUR, "13 of 10 USD", cause="budget") is None
    assert opened(closed, START + 2 * HOUR, "13 of 10 USD", cause="budget").openings == 1


def test_a_threshold_that_is_passed_again_opens_what_was_closed_by_hand():
    closed = opened(None, START).closed(reason="fine", author="ann", now=START, revision=2)

    again = opened(closed, START + HOUR / 2, "6 USD in 5 minutes")

    assert (again.openings, again.expires_at) == (1, START + 1.5 * HOUR)


def test_the_same_figures_open_nothing_during_the_trial():
    first = opened(None, START, "12 of 10 USD", cause="budget")

    assert opened(first, START + HOUR, "12 of 10 USD", cause="budget") is None
    assert opened(first, START + HOUR, "12.10 of 10 USD", cause="budget").openings == 2


def test_a_circuit_that_was_opened_by_hand_has_no_trial():
    by_hand = Circuit(SCOPE, "open", "stop", "ann", START, START + HOUR, 1)

    assert by_hand.current_state(START + HOUR) == "closed"
    assert by_hand.closed(reason="x", author="b", now=START, revision=2).trial_ends_at is None


class HalfOpen(RuleBasedStateMachine):
    """A rule, a person and the time, in any order."""

    @initialize(open_s=st.integers(1, 86_400), trial_s=st.integers(0, 86_400))
    def begin(self, open_s, trial_s):
        self.first = dt.timedelta(seconds=open_s)
        self.trial = dt.timedelta(seconds=trial_s)
        self.now, self.number = START, 0
        self.circuit: Circuit | None = None

    @rule(seconds=st.integers(0, 200_000))
    def time_passes(self, seconds):
        self.now += dt.timedelta(seconds=seconds)

    @rule()
    def the_next_change_comes(self):
        circuit = self.circuit
        if circuit is not None and (ends_at := circuit.ends_at(self.now)) is not None:
            assert ends_at > self.now
            before = circuit.current_state(self.now)
            self.now = ends_at
            assert (before, circuit.current_state(self.now)) in {
                ("open", "half-open"),
                ("open", "closed"),
                ("half-open", "closed"),
            }

    @rule(cause=st.sampled_from(["threshold", "budget", "finding"]))
    def a_rule_is_broken(self, cause):
        self.number += 1
        before = self.circuit
        wanted = opening(
            f"figure {self.number}", cause, self.first.total_seconds(), self.trial.total_seconds()
        )

        after = opened_by_rule(before, wanted, self.now, self.number)

        if before is not None and before.is_open(self.now):
            assert after is None
            return
        was = "closed" if before is None else before.current_state(self.now)
        if after is None:
            assert before is not None
            assert before.state == "closed"
            assert before.is_on_trial(self.now)
            assert cause != "threshold"
            return
        assert after.is_open(self.now)
        assert after.expires_at is not None
        assert after.trial_ends_at is not None
        lasts = after.expires_at - self.now
        assert self.first <= lasts <= max(self.first, LONGEST_OPENING)
        if was == "half-open":
            assert before is not None
            assert before.expires_at is not None
            doubled = 2 * (before.expires_at - before.changed_at)
            assert lasts == min(doubled, max(self.first, LONGEST_OPENING))
            assert after.openings == before.openings + 1
        else:
            assert (lasts, after.openings) == (self.first, 1)
        assert after.trial_ends_at - after.expires_at >= max(lasts, self.trial)
        self.circuit = after

    @rule()
    def a_person_closes_it(self):
        if self.circuit is not None:
            self.circuit = self.circuit.closed(
                reason="fine", author="ann", now=self.now, revision=self.number
            )
            assert not self.circuit.is_open(self.now)
            assert self.circuit.current_state(self.now) == "closed"

    @rule()
    def a_person_opens_it(self):
        self.circuit = Circuit(SCOPE, "open", "stop", "ann", self.now, self.now + HOUR, self.number)

    @invariant()
    def calls_pass_unless_it_is_open(self):
        circuit = getattr(self, "circuit", None)
        if circuit is not None:
            assert circuit.is_open(self.now) == (circuit.current_state(self.now) == "open")
            assert not (circuit.is_open(self.now) and circuit.is_on_trial(self.now))


TestHalfOpen = HalfOpen.TestCase
TestHalfOpen.settings = settings(deadline=None, max_examples=50)
