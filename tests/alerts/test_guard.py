"""What guards and circuits have to say: words to act on, once for each period or decision."""

import datetime as dt

import pytest

from costmon.alerts import guard
from costmon.alerts.memory import NOTHING_SAID, Memory
from costmon.alerts.policy import began, judge
from costmon.domain.circuit import Circuit
from costmon.testing.clock import START
from costmon.testing.spend import gauge, notice

COOLDOWN_S = 3600.0
HOUR = dt.timedelta(hours=1)


def opened(**facts):
    values = {
        "scope": "host:api.example.com",
        "state": "open",
        "reason": "runaway agent",
        "author": "ann",
        "changed_at": START,
        "expires_at": START + HOUR,
        "revision": 1,
    }
    return Circuit(**{**values, **facts})


def said(*noticed, gap=dt.timedelta(minutes=1)):
    """Return which of these (notice, gauge) lead to an alert."""
    memories: dict[str, Memory] = {}
    verdicts, now = [], START
    for told, about in noticed:
        condition, least_s = guard.noticed(
            told, app="worker", host="box", gauge=about, cooldown_s=COOLDOWN_S
        )
        verdict = judge(
            condition,
            memories.get(condition.name, NOTHING_SAID),
            now=now,
            cooldown_s=least_s,
        )
        memories[condition.name] = verdict.memory
        verdicts.append(_in_a_word(verdict))
        now += gap
    return verdicts


def _in_a_word(verdict):
    if verdict.alert is not None:
        return "resolve" if verdict.alert.state == "resolved" else "say"
    return "quiet" if verdict.kept_back is None else "suppress"


def opening(condition):
    return began(condition, NOTHING_SAID, START).alert


def test_an_open_circuit_says_who_why_until_when_and_how_to_close_it():
    condition = guard.circuit(opened(), now=START, cause="c1")

    text = opening(condition).text
    assert condition.holds
    for words in ("ann", "host:api.example.com", "runaway agent", "2026-11-21T11:00", "close"):
        assert words in text
    assert condition.severity == "critical"


def test_a_closed_circuit_says_who_closed_it_and_an_expired_one_that_it_did_by_itself():
    closed = guard.circuit(opened(state="closed", expires_at=None), now=START, cause="c2")
    expired = guard.circuit(opened(), now=START + HOUR, cause="c3")

    assert not closed.holds
    assert closed.resolved_text.startswith("ann closed the circuit")
    assert not expired.holds
    assert "has expired" in expired.resolved_text


def test_a_circuit_without_an_end_says_so():
    assert (
        "until somebody closes it"
        in guard.circuit(opened(expires_at=None), now=START, cause="c").text
    )


def test_a_budgets_level_is_said_once_in_each_period_by_however_many_guards():
    november, december = gauge(), gauge(resets_at=dt.datetime(2027, 1, 1, tzinfo=dt.UTC))

    assert said((notice("a"), november), (notice("b"), november), (notice("c"), december)) == [
        "say",
        "quiet",
        "say",
    ]


def test_warning_and_refusing_are_two_things_and_so_are_day_and_month():
    assert (
        said(
            (notice("a"), gauge()),
            (notice("b", "refused"), gauge()),
            (notice("c"), gauge(period="day")),
            (notice("d", scope="key:k"), gauge("key:k")),
        )
        == ["say"] * 4
    )


def test_reaching_a_raised_limit_is_said_again():
    assert said((notice("a"), gauge(limit="10")), (notice("b"), gauge(limit="20"))) == ["say"] * 2


def test_a_rolling_window_is_said_again_only_after_its_length():
    about = gauge(period="rolling:24h", resets_at=START + HOUR)

    assert said((notice("a"), about), (notice("b"), about), gap=23 * HOUR) == ["say", "suppress"]
    assert said((notice("a"), about), (notice("b"), about), gap=24 * HOUR) == ["say", "say"]


def test_a_level_without_figures_is_said_at_most_once_in_a_cooldown():
    assert said((notice("a"), None), (notice("b"), None)) == ["say", "suppress"]


def test_a_store_that_returns_ends_what_its_loss_began():
    lost, back = notice("a", "store_lost"), notice("b", "store_returned")

    assert said((back, None), (lost, None), (back, None)) == ["quiet", "say", "resolve"]


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("quarantined", "alerter.guard_host_quarantined"),
        ("expired", "alerter.guard_calls_expired"),
        ("refused", "alerter.guard_budget_refused"),
    ],
)
def test_every_kind_has_an_event_and_its_text(kind, event):
    condition, _ = guard.noticed(
        notice("a", kind, text="what happened"),
        app="worker",
        host="box",
        gauge=gauge(),
        cooldown_s=COOLDOWN_S,
    )

    alert = opening(condition)
    assert alert.event == event
    assert alert.text == "what happened (reported by worker on box)"
    assert alert.facts["limit"] == "10.00"


def test_a_strangers_words_are_one_short_line():
    condition, _ = guard.noticed(
        notice("a", text="\x1b[31m\n" + "x" * 9000),
        app="\n",
        host="",
        gauge=None,
        cooldown_s=COOLDOWN_S,
    )

    assert condition.text.isprintable()
    assert len(condition.text) < 500
