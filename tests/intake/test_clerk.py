"""What guards are answered over the socket."""

import datetime as dt
import json
import threading
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.clock import SystemClock
from costmon.domain.budget import Budget
from costmon.domain.circuit import Circuit
from costmon.domain.policy import Policy, PolicyBudget
from costmon.errors import MailboxFullError
from costmon.intake.clerk import Clerk
from costmon.meter.recording_control import Control
from costmon.meter.reporting.wire import encode
from costmon.state import meters
from costmon.state.meters import Meters
from costmon.state.published import Published, Watched
from tests.meter.reporting.samples import row, snapshot

NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
FIRST = Policy(
    revision="r1",
    budgets=(PolicyBudget(Budget("global", "1000", "month", "USD"), "file", None),),
    circuits=(),
)
SECOND = Policy(
    revision="r2",
    budgets=(),
    circuits=(Circuit("host:x.example", "open", "too dear", "ada", NOON, None, 1),),
)
REPORT = {
    "guard": "9f",
    "store": "s",
    "sequence": 7,
    "app": "worker",
    "host": "box",
    "pid": 12,
    "sent_at": "2026-11-21T10:00:00Z",
    "currency": "USD",
    "rows": [],
    "scopes": [],
    "leases": [],
    "refusals": [],
    "refused": [],
    "notices": [],
}


class Office:
    """A clerk with everything around it."""

    def __init__(self, **limits):
        self.told = []
        self.full = False
        self.draining = False
        self.policy: Watched[Policy | None] = Watched(FIRST)
        self.confirmed: Published[Mapping[str, int]] = Published({})
        self.meters: Published[Meters] = Published(meters.first("e1"))
        self.clerk = Clerk(
            tell_policy=self._take,
            policy=self.policy,
            confirmed=self.confirmed,
            tell_meters=self._survey,
            meters=self.meters,
            is_draining=lambda: self.draining,
            clock=SystemClock(),
            **limits,
        )

    def _take(self, message):
        if self.full:
            raise MailboxFullError("policy")
        self.told.append(message)

    def _survey(self, message):
        if self.full:
            raise MailboxFullError("meters")
        self.told.append(message)

    def ask(self, frame, *, gone=lambda: False):
        content = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
        answer = json.loads(self.clerk(content, gone))
        return answer["status"], answer["body"]


@pytest.fixture
def office():
    return Office()


def test_a_report_reaches_the_policy_actor_and_the_guard_hears_what_is_confirmed(office):
    office.confirmed.publish({"9f": 5})

    answer = office.ask({"op": "report", "report": REPORT})

    assert answer == (202, {"data": {"confirmed": 5, "policy": "r1"}})
    assert [message.report.sequence for message in office.told] == [7]


def test_nothing_is_confirmed_and_no_policy_told_before_they_are_known(office):
    office.policy.publish(None)

    answer = office.ask({"op": "report", "report": REPORT})

    assert answer == (202, {"data": {"confirmed": None, "policy": None}})


def test_a_report_with_a_fault_is_refused_with_its_place(office):
    status, body = office.ask({"op": "report", "report": REPORT | {"sequence": -1}})

    assert status == 400
    assert "$.sequence" in body["message"]
    assert office.told == []


def test_a_full_policy_mailbox_is_said(office):
    office.full = True

    status, body = office.ask({"op": "report", "report": REPORT})

    assert status == 503
    assert "policy" in body["message"]


def test_the_policy_is_told_at_once_to_who_does_not_know_it(office):
    status, body = office.ask({"op": "policy", "revision": None, "wait": 30})

    assert status == 200
    assert body["data"]["revision"] == "r1"
    assert body["data"]["budgets"][0]["limit"] == "1000"


def test_who_knows_the_policy_and_does_not_wait_is_told_so(office):
    assert office.ask({"op": "policy", "revision": "r1"}) == (304, {})


def test_who_waits_is_told_as_soon_as_it_changes(office):
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(office.ask({"op": "policy", "revision": "r1", "wait": 30}))
    )
    waiting.start()

    office.policy.publish(SECOND)
    waiting.join(5)

    ((status, body),) = answers
    assert status == 200
    assert body["data"]["circuits"] == [
        {
            "scope": "host:x.example",
            "state": "open",
            "reason": "too dear",
            "author": "ada",
            "changed_at": "2026-11-21T12:00:00Z",
            "expires_at": None,
            "rule": None,
            "cause": None,
            "openings": 0,
            "trial_ends_at": None,
        }
    ]


def test_a_wait_without_a_change_ends_in_time(office):
    assert office.ask({"op": "policy", "revision": "r1", "wait": 0.05}) == (304, {})


def test_a_wait_ends_when_nobody_waits_any_more(office):
    asked = {"op": "policy", "revision": "r1", "wait": 60}

    assert office.ask(asked, gone=lambda: True) == (304, {})


def test_closing_the_policy_wakes_who_waits(office):
    answers = []
    asked = {"op": "policy", "revision": "r1", "wait": 60}
    entered = threading.Event()

    def gone():
        entered.set()
        return False

    waiting = threading.Thread(target=lambda: answers.append(office.ask(asked, gone=gone)))
    waiting.start()
    assert entered.wait(5)

    office.draining = True
    office.policy.close()
    waiting.join(5)

    assert answers == [(304, {})]


def test_one_more_than_may_wait_is_told_to_come_back_and_reports_still_come_through():
    office = Office(most_waiting=1)
    asked = {"op": "policy", "revision": "r1", "wait": 30}
    entered = threading.Event()

    def gone():
        entered.set()
        return False

    waiting = threading.Thread(target=lambda: office.ask(asked, gone=gone))
    waiting.start()
    assert entered.wait(5)

    assert office.ask(asked)[0] == 503
    assert office.ask({"op": "report", "report": REPORT})[0] == 202

    office.policy.publish(SECOND)
    waiting.join(5)
    assert office.ask(asked | {"revision": "r2", "wait": 0.01})[0] == 304


def test_before_the_circuits_are_known_there_is_no_policy(office):
    office.policy.publish(None)

    assert office.ask({"op": "policy", "revision": None})[0] == 503


def test_a_service_that_stops_accepts_nothing(office):
    office.draining = True

    assert office.ask({"op": "report", "report": REPORT})[0] == 503
    assert office.ask({"op": "policy", "revision": None})[0] == 503
    assert office.told == []


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 60_000,
        {"op": "shutdown"},
        {"op": "report"},
        {"op": "report", "report": None},
        {"op": "policy", "wait": -1},
        {"op": "policy", "wait": 61},
        {"op": "policy", "wait": "soon"},
        {"op": "policy", "revision": 3},
    ],
)
def test_what_is_no_report_and_no_question_is_refused(office, frame):
    status, body = office.ask(frame)

    assert status == 400
    assert body["message"]
    assert office.told == []


@given(st.binary(max_size=300))
def test_no_bytes_are_more_than_a_refusal(content):
    assert Office().ask(content)[0] == 400


def metered(**changes):
    sent = json.loads(encode(snapshot(row(requests=3))))
    return {"op": "meter", "part": 5, "final": False, "report": sent} | changes


def test_what_a_worker_has_measured_reaches_the_meters_actor(office):
    status, body = office.ask(metered())

    assert (status, body) == (
        202,
        {"data": {"epoch": "e1", "known": None, "gone": False, "control": None}},
    )
    (message,) = office.told
    assert (message.part, message.is_final) == (5, False)
    assert message.report == snapshot(row(requests=3))


def test_a_worker_hears_what_is_known_of_it_and_what_is_wanted(office):
    seen = meters.reported(office.meters.read(), 4, snapshot(row()), 1.0, final=False)
    control = Control("r2", is_recording=False, issued_at=1_795_000_000.5)
    office.meters.publish(meters.ordered(seen, "shop", control))

    _, body = office.ask(metered())

    assert body["data"]["known"] == 4
    assert body["data"]["control"] == {
        "recording": "r2",
        "is_recording": False,
        "issued_at": 1_795_000_000.5,
    }


def test_a_worker_that_counts_as_ended_hears_so_and_is_not_heard(office):
    seen = meters.reported(office.meters.read(), 4, snapshot(row()), 1.0, final=True)
    office.meters.publish(meters.swept(seen, 1.0))

    _, body = office.ask(metered())

    assert body["data"]["gone"]
    assert office.told == []


def test_a_worker_that_cannot_be_added_is_told_so(office, monkeypatch):
    monkeypatch.setattr(meters, "MOST_SERVICES", 0)

    status, body = office.ask(metered())

    assert (status, office.told) == (503, [])
    assert "too many metered processes" in body["message"]


def test_a_worker_is_told_to_come_again_when_too_many_reports_wait(office):
    office.full = True

    status, body = office.ask(metered())

    assert status == 503
    assert "meters" in body["message"]


@pytest.mark.parametrize(
    "change", [{"part": -1}, {"part": True}, {"final": 1}, {"report": {}}, {"report": None}]
)
def test_a_part_with_a_fault_is_refused(office, change):
    status, _ = office.ask(metered(**change))

    assert status == 400
    assert office.told == []
