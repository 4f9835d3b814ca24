"""Findings as the page shows them: what belongs to each, and its chart."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.alerts.memory import NOTHING_SAID, open_alerts
from costmon.alerts.policy import began
from costmon.alerts.spend import spend_found
from costmon.domain.finding import Series
from costmon.domain.policy import Policy
from costmon.errors import StoreUnavailableError
from costmon.web.finding_view import FindingReader, chart_of, findings_shown, not_spent
from tests.alerts.findings import AT, spend_finding
from tests.api.samples import circuit

MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
NOW = AT + 3 * MINUTE
OPENAI = Series("provider:openai", "USD")


def reader(*found, opened=None, buckets=None, hours=None):
    def within(spent):
        return lambda _series, after, until: {
            at: amount for at, amount in (spent or {}).items() if after <= at <= until
        }

    return FindingReader(
        newest=lambda limit: found[:limit],
        opened=lambda: opened,
        buckets=within(buckets),
        hours=within(hours),
        bucket_s=300,
    )


def policy(*circuits):
    return Policy(revision="1", budgets=(), circuits=circuits)


def test_an_open_finding_has_its_alert_its_parts_and_the_circuit_that_stops_it():
    one = spend_finding(series=OPENAI, id="f1")
    part = spend_finding(series=Series("tag:a", "USD"), id="f2", part_of="f1")
    alerts = open_alerts([began(spend_found(one), NOTHING_SAID, NOW).memory], NOW)
    stop = circuit(OPENAI.scope, changed_at=AT, expires_at=AT + DAY)

    (row,) = findings_shown(reader(part, one), alerts, policy(stop), NOW).opened

    assert row.alert == alerts[0]
    assert row.parts == (part,)
    assert (row.circuit, row.circuit_state) == (stop, "open")


def test_the_circuit_of_a_part_is_shown_with_what_people_were_told():
    whole = spend_finding(id="f1")
    part = spend_finding(series=OPENAI, id="f2", part_of="f1")
    stop = circuit(OPENAI.scope, changed_at=AT, expires_at=None, cause="finding")

    (row,) = findings_shown(reader(part, whole), (), policy(stop), NOW).opened
    over = [replace(it, state="resolved") for it in (part, whole)]
    (past,) = findings_shown(reader(*over), (), policy(stop), NOW).past

    assert (row.circuit, row.parts) == (stop, (part,))
    assert (past.circuit, past.parts) == (stop, ())


def test_what_was_not_spent_is_the_rate_before_times_how_long_the_circuit_is_open():
    one = spend_finding(burned=6.0, since=AT - 2 * MINUTE)
    stop = circuit("global", changed_at=AT, expires_at=None)

    assert not_spent(one, stop, AT + 3 * MINUTE) == pytest.approx(9.0)
    assert not_spent(one, stop._replace(expires_at=AT + MINUTE), NOW) == pytest.approx(3.0)
    assert not_spent(one, stop._replace(changed_at=one.since), NOW) is None
    assert not_spent(one, stop._replace(state="closed"), NOW) is None


def test_what_is_open_longest_is_shown_though_many_were_found_since():
    old = spend_finding(id="old", opened_at=AT - 9 * DAY)

    shown = findings_shown(reader(spend_finding(id="new"), opened=(old,)), (), None, NOW)

    assert [row.finding.id for row in shown.opened] == ["new", "old"]


def test_a_past_finding_shows_only_the_circuit_that_a_finding_has_opened_since():
    one = spend_finding(series=OPENAI, state="resolved")
    by_hand = circuit(OPENAI.scope, changed_at=AT + MINUTE, expires_at=None)
    by_rule = by_hand._replace(cause="finding", rule=OPENAI.scope)

    def shown(stop):
        return findings_shown(reader(one), (), policy(stop), NOW).past[0].circuit

    assert shown(by_hand) is None
    assert shown(by_rule._replace(changed_at=AT - MINUTE)) is None
    assert shown(by_rule) == by_rule


def test_the_chart_shows_buckets_before_a_finding_and_since():
    amounts = {AT - n * 5 * MINUTE: Decimal(1) for n in range(2, 40)} | {AT: Decimal(4)}

    chart = chart_of(spend_finding(), reader(buckets=amounts), NOW)

    assert chart is not None
    assert (chart.step_s, chart.highest, chart.end) == (300, Decimal(4), AT)
    assert [bar.height for bar in chart.bars][-2:] == [Decimal(0), Decimal(100)]
    assert {bar.height for bar in chart.bars[:-2]} == {Decimal(25)}
    assert [bar.is_since for bar in chart.bars] == [False] * 36 + [True]


def test_a_leak_is_drawn_by_the_day():
    midnight = AT.replace(hour=0, minute=0)
    hours = {
        midnight - n * DAY + dt.timedelta(hours=h): Decimal(1) for n in range(9) for h in (0, 23)
    }
    leak = spend_finding(cause="leak", since=midnight - 2 * DAY)

    chart = chart_of(leak, reader(hours=hours), NOW)

    assert chart is not None
    assert (chart.step_s, chart.highest) == (86_400, Decimal(2))
    assert [bar.height for bar in chart.bars][-10:] == [0, *[100] * 9]
    assert [bar.is_since for bar in chart.bars][-4:] == [False, True, True, True]


def test_no_figures_are_no_chart_and_neither_are_figures_that_cannot_be_read():
    def away(*_asked):
        raise StoreUnavailableError("away")

    silent, broken = reader(spend_finding()), reader(spend_finding())
    object.__setattr__(broken, "buckets", away)

    assert chart_of(spend_finding(), silent, NOW) is None
    (row,) = findings_shown(broken, (), None, NOW).opened
    assert row.chart is None


@given(
    ago=st.timedeltas(dt.timedelta(), 60 * DAY),
    lasted=st.timedeltas(dt.timedelta(), 60 * DAY),
    cause=st.sampled_from(["burst", "leak"]),
    amounts=st.lists(st.tuples(st.integers(0, 20_000), st.decimals(-5, 99, places=2)), max_size=20),
)
def test_a_chart_of_any_time_has_at_most_72_bars_and_none_is_higher_than_it(
    ago, lasted, cause, amounts
):
    one = spend_finding(cause=cause, since=NOW - ago, at=NOW - ago + min(lasted, ago))
    spent = {NOW.replace(minute=0) - n * 5 * MINUTE: amount for n, amount in amounts}

    chart = chart_of(one, reader(buckets=spent, hours=spent), NOW)

    if chart is not None:
        assert 1 <= len(chart.bars) <= 72
        assert all(0 <= bar.height <= 100 for bar in chart.bars)
        assert max(bar.height for bar in chart.bars) == 100
        assert chart.start + len(chart.bars) * dt.timedelta(seconds=chart.step_s) == chart.end
