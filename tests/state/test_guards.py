"""The state: bounded, and the same whatever comes twice."""

import datetime as dt
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.spend import RefusalCount
from costmon.state import guard_reports
from costmon.state.guard_state import EMPTY, SpendTotal
from costmon.testing.clock import START
from costmon.testing.spend import gauge, guard_report, notice, refusal

LATER = START + dt.timedelta(minutes=1)


def fold(*reports, state=EMPTY, now=START):
    for report in reports:
        state, _ = guard_reports.reported(state, report, now)
    return state


def test_a_guard_is_shown_by_its_latest_report():
    first = guard_report(1, scopes=[gauge(spent="1")])
    second = guard_report(2, scopes=[gauge(spent="2")])

    state = fold(second, state=fold(first), now=LATER)

    (seen,) = state.guards
    assert (seen.sequence, seen.seen_at, seen.scopes) == (2, LATER, second.scopes)


def test_a_late_report_does_not_take_a_guard_back():
    state = fold(guard_report(2, scopes=[gauge(spent="2")]), guard_report(1))

    assert state.guards[0].sequence == 2
    assert state.guards[0].scopes == (gauge(spent="2"),)


def test_the_latest_guard_comes_first_and_one_of_yesterday_is_gone():
    day_later = START + dt.timedelta(days=1)
    state = fold(guard_report(guard="old"))
    state = fold(guard_report(guard="a"), state=state, now=LATER)
    state = fold(guard_report(guard="b"), state=state, now=day_later)

    assert [seen.guard for seen in state.guards] == ["b", "a"]
    assert guard_reports.swept(state, day_later + dt.timedelta(days=2)).guards == ()


def test_refusals_are_added_over_guards_and_counted_once():
    def counts(guard, sequence, refused):
        return guard_report(
            sequence, guard=guard, refused=[RefusalCount("host:a", "budget", refused)]
        )

    state = fold(
        counts("a", 1, 3),
        counts("a", 1, 3),
        counts("a", 2, 5),
        counts("b", 1, 10),
        counts("a", 1, 3),
    )

    assert state.refused == {("host:a", "budget"): 15}


def test_refusals_and_notices_are_told_newest_first_and_once():
    old, new = refusal(), refusal("rate", at=LATER)
    report = guard_report(1, refusals=[old, new], notices=[notice("a"), notice("b", at=LATER)])

    state = fold(report, report, guard_report(2, refusals=[new, old], notices=[notice("a")]))

    assert state.refusals == (("g1", new), ("g1", old))
    assert [told.id for _, told in state.notices] == ["b", "a"]


def test_a_notice_is_new_once_whichever_guard_tells_it():
    state, fresh = guard_reports.reported(EMPTY, guard_report(1, notices=[notice("a")]), START)
    assert [it.id for it in fresh] == ["a"]

    _, fresh = guard_reports.reported(
        state,
        guard_report(1, guard="g2", notices=[notice("a"), notice("b"), notice("b")]),
        START,
    )

    assert [it.id for it in fresh] == ["b"]


def test_nothing_grows_without_bound():
    state = EMPTY
    for number in range(guard_reports.MOST_GUARDS + 20):
        at = START + dt.timedelta(seconds=number)
        report = guard_report(
            1,
            guard=f"g{number}",
            refusals=[refusal(at=at)],
            notices=[notice(f"n{number}", at=at)],
            refused=[RefusalCount(f"key:{number}-{n}", "budget", number) for n in range(20)],
        )
        state, _ = guard_reports.reported(state, report, at, authenticated=True)
    totals = {
        (f"key:{n}", "USD"): SpendTotal("USD", Decimal(n), 1, 0)
        for n in range(guard_reports.MOST_TOTALS + 9)
    }
    state = guard_reports.recorded(state, totals, totals)

    assert len(state.guards) == guard_reports.MOST_GUARDS
    assert len(state.refusals) == guard_reports.MOST_REFUSALS
    assert len(state.notices) == guard_reports.MOST_NOTICES
    assert len(state.refused) == guard_reports.MOST_REFUSED
    assert len(state.totals) == len(state.unpriced) == guard_reports.MOST_TOTALS
    assert ("key:0", "USD") not in state.totals
    assert state.refusals[0][1].at > state.refusals[-1][1].at


def test_the_budget_nearest_to_its_limit_is_the_pressing_one():
    day = gauge(period="day", limit="10", spent="5", held="4")
    month = gauge(period="month", limit="100", spent="70")
    report = guard_report(scopes=[month, day, gauge("key:x", spent="10"), gauge(limit=None)])

    assert guard_reports.pressing(report, "global") == day
    assert guard_reports.pressing(report, "host:unknown") is None
    assert guard_reports.pressing(
        guard_report(scopes=[month, gauge(limit="0")]), "global"
    ) == gauge(limit="0")


@given(
    steps=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), max_size=30), data=st.data()
)
def test_what_guards_refused_is_the_sum_of_their_counts_however_often_it_is_told(steps, data):
    counts, sequences = {"a": 0, "b": 0}, {"a": 0, "b": 0}
    state, sent = EMPTY, []
    for guard, more in steps:
        counts[guard] += more
        sequences[guard] += 1
        refused = [RefusalCount("global", "budget", counts[guard])]
        report = guard_report(sequences[guard], guard=guard, refused=refused)
        sent.append(report)
        state = fold(report, data.draw(st.sampled_from(sent)), state=state)

    assert state.refused.get(("global", "budget"), 0) == sum(counts.values())
