"""What is told, kept back, escalated, acknowledged, snoozed and resolved."""

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.alerts.alert import SEVERITIES, Alert
from costmon.alerts.memory import NOTHING_SAID, Memory, alert_id, open_alerts
from costmon.alerts.policy import acknowledged, began, judge, snoozed, woken
from costmon.testing.alerts import alert, condition

NOW = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)
COOLDOWN_S = 3600.0


def after(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


class Story:
    """One condition over time: each step is judged, and what was told is kept."""

    def __init__(self, **facts):
        self.memory = NOTHING_SAID
        self.told: list[Alert] = []
        self._facts = facts
        self._causes = itertools.count()

    def sees(self, seconds, **facts):
        """Judge a condition; return how it was told, or why it was not."""
        given = condition(str(next(self._causes)), **{**self._facts, **facts})
        verdict = judge(given, self.memory, now=after(seconds), cooldown_s=COOLDOWN_S)
        self.memory = verdict.memory
        if verdict.alert is None:
            return verdict.kept_back
        self.told.append(verdict.alert)
        return f"{verdict.alert.state} {verdict.alert.severity}"

    def ends(self, seconds):
        return self.sees(seconds, state="resolved")


def test_a_condition_is_told_when_it_begins():
    story = Story()

    assert story.sees(0) == "opened warning"
    (told,) = story.told
    assert (told.since, told.previous_severity) == (NOW, None)
    assert told.labels == {"provider": "openai"}


def test_a_lasting_condition_is_told_once_more_at_the_higher_severity_and_not_repeated():
    story = Story()
    story.sees(0)

    assert story.sees(COOLDOWN_S - 1) == "suppressed by cooldown"
    assert story.sees(COOLDOWN_S) == "escalated critical"
    assert story.sees(3 * COOLDOWN_S) == "suppressed: told at the highest severity"
    escalated = story.told[1]
    assert (escalated.since, escalated.previous_severity) == (NOW, "warning")
    assert escalated.text.startswith("Now critical, open since 2026-11-21 10:00 UTC. ")


def test_a_condition_that_repeats_is_told_after_each_cooldown():
    story = Story(repeats=True)

    told = [story.sees(number * COOLDOWN_S) for number in range(4)]

    assert told == ["opened warning", "escalated critical", *["repeated critical"] * 2]


def test_one_that_does_not_escalate_repeats_at_its_severity():
    story = Story(escalates=False, repeats=True)

    assert [story.sees(0), story.sees(COOLDOWN_S)] == ["opened warning", "repeated warning"]


@pytest.mark.parametrize("worse", [{"severity": "critical"}, {"state": "escalated"}])
def test_one_that_gets_worse_is_told_at_once(worse):
    story = Story()
    story.sees(0)

    assert story.sees(1, **worse) == "escalated critical"


def test_the_end_is_told_once_and_names_what_was_told_before():
    story = Story()
    story.sees(0)
    story.sees(1, severity="critical")

    assert (story.ends(10), story.ends(20)) == ("resolved info", None)
    assert (story.told[-1].since, story.told[-1].previous_severity) == (NOW, "critical")
    assert story.told[-1].event == "alerter.loop_over"


def test_one_that_begins_again_within_the_cooldown_waits_and_its_end_is_not_told():
    story = Story()
    story.sees(0)
    story.ends(10)

    assert (story.sees(20), story.ends(30)) == ("suppressed by cooldown", None)


def test_one_that_begins_again_worse_is_told_within_the_cooldown():
    story = Story()
    story.sees(0)
    story.ends(10)

    assert story.sees(20, severity="critical") == "opened critical"


def test_an_acknowledged_one_is_silent_until_it_ends():
    story = Story(repeats=True)
    story.sees(0)
    story.memory = acknowledged(story.memory, "ann", after(5))

    assert story.sees(10 * COOLDOWN_S) == "suppressed: acknowledged"
    assert story.ends(11 * COOLDOWN_S) == "resolved info"
    assert story.sees(12 * COOLDOWN_S) == "opened warning"
    assert story.memory.acknowledged_by is None


@pytest.mark.parametrize("decide", [acknowledged, snoozed])
def test_what_gets_worse_breaks_an_acknowledgement_and_a_snooze(decide):
    story = Story()
    story.sees(0)
    story.memory = decide(story.memory, "ann", after(10 * COOLDOWN_S))

    assert story.sees(20, severity="critical") == "escalated critical"
    assert (story.memory.acknowledged_by, story.memory.snoozed_until) == (None, None)


def test_a_snoozed_one_is_silent_for_that_long_and_then_told_again():
    story = Story()
    story.sees(0)
    story.memory = snoozed(story.memory, "ann", after(5 * COOLDOWN_S))

    assert story.sees(4 * COOLDOWN_S) == "suppressed: snoozed"
    assert woken(story.memory, after(4 * COOLDOWN_S)) is None
    verdict = woken(story.memory, after(5 * COOLDOWN_S))
    assert verdict is not None
    assert verdict.alert is not None
    assert (verdict.alert.state, verdict.alert.severity) == ("repeated", "warning")
    assert verdict.alert.id != story.told[0].id
    assert woken(verdict.memory, after(6 * COOLDOWN_S)) is None


def test_nothing_is_told_when_a_snooze_ends_after_the_condition():
    story = Story()
    story.sees(0)
    story.memory = snoozed(story.memory, "ann", after(5 * COOLDOWN_S))
    story.ends(10)

    assert woken(story.memory, after(5 * COOLDOWN_S)) is None


def test_one_that_expires_is_over_without_a_word():
    story = Story(expires_at=after(100))
    story.sees(0)

    assert len(open_alerts([story.memory], after(99))) == 1
    assert open_alerts([story.memory], after(100)) == ()
    assert story.ends(101) is None


def test_a_new_occurrence_after_the_old_one_has_expired_begins_anew():
    story = Story(escalates=False, expires_at=after(COOLDOWN_S))
    story.sees(0)

    assert story.sees(COOLDOWN_S, expires_at=after(2 * COOLDOWN_S)) == "opened warning"


def test_the_same_cause_is_not_judged_twice():
    first = judge(condition("a"), NOTHING_SAID, now=NOW, cooldown_s=COOLDOWN_S)

    again = judge(condition("a"), first.memory, now=after(COOLDOWN_S * 2), cooldown_s=COOLDOWN_S)

    assert (again.alert, again.memory) == (None, first.memory)


def test_a_clock_that_was_set_back_does_not_silence_an_alert():
    story = Story()
    story.sees(0)

    assert story.sees(-86_400) == "escalated critical"


def test_a_memory_of_an_earlier_version_is_read():
    text = (
        '{"announced": true, "said_at": "2026-11-21T10:00:00+00:00", "suppressed": 2,'
        ' "last_cause": "c"}'
    )
    story = Story()
    story.memory = Memory.from_text(text)

    assert story.sees(1) == "suppressed by cooldown"
    assert story.ends(2) == "resolved info"


def test_open_alerts_are_listed_the_most_severe_first():
    memories = [
        began(condition("a", name=name, severity=severity), NOTHING_SAID, after(at)).memory
        for name, severity, at in (("x", "warning", 0), ("y", "critical", 9), ("z", "warning", -5))
    ]

    found = open_alerts(memories, after(10))

    assert [it.alert.condition for it in found] == ["y", "z", "x"]
    assert [it.id for it in found] == [alert_id("y"), alert_id("z"), alert_id("x")]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["opened", "escalated", "resolved"]),
            st.sampled_from(SEVERITIES),
            st.sampled_from(["", "acknowledge", "snooze"]),
            st.floats(min_value=0.1, max_value=3 * COOLDOWN_S),
        ),
        max_size=60,
    ),
    st.booleans(),
    st.booleans(),
)
def test_ends_pair_with_beginnings_and_no_repeat_is_within_the_cooldown(steps, escalates, repeats):
    story, seconds, is_open = Story(escalates=escalates, repeats=repeats), 0.0, False
    for state, severity, decision, passed in steps:
        seconds += passed
        count = len(story.told)
        story.sees(seconds, state=state, severity=severity)
        for newest in story.told[count:]:
            assert (newest.state == "opened") is not is_open
            if newest.state == "repeated":
                assert (newest.raised_at - story.told[count - 1].raised_at).total_seconds() >= (
                    COOLDOWN_S
                )
            is_open = newest.state != "resolved"
        if is_open and decision == "acknowledge":
            story.memory = acknowledged(story.memory, "ann", after(seconds))
        if is_open and decision == "snooze":
            story.memory = snoozed(story.memory, "ann", after(seconds + COOLDOWN_S))
        assert bool(open_alerts([story.memory], after(seconds))) is is_open


@given(
    st.builds(
        Memory,
        announced=st.booleans(),
        said_at=st.none() | st.datetimes(timezones=st.just(dt.UTC)),
        suppressed=st.integers(min_value=0),
        last_cause=st.none() | st.text(),
        told=st.none() | st.builds(alert, text=st.text(), labels=st.just({"scope": "global"})),
        expires_at=st.none() | st.datetimes(timezones=st.just(dt.UTC)),
        acknowledged_by=st.none() | st.text(),
        acknowledged_at=st.none() | st.datetimes(timezones=st.just(dt.UTC)),
        snoozed_by=st.none() | st.text(),
        snoozed_until=st.none() | st.datetimes(timezones=st.just(dt.UTC)),
    )
)
def test_memory_comes_back_as_it_was(memory):
    assert Memory.from_text(memory.to_text()) == memory
