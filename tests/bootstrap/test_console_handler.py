"""What operators are answered about guards."""

import datetime as dt
import threading

import pytest

from costmon.bootstrap.console_handler import ConsoleHandler
from costmon.console.messages import CircuitDecided, GetBudgets, GetCircuits, GetGuards, GuardStatus
from costmon.domain.budget import Budget
from costmon.domain.circuit import Circuit
from costmon.domain.policy import Policy, PolicyBudget
from costmon.errors import ConsoleUnavailableError
from costmon.messages import CloseCircuit, GetChildren, OpenCircuit
from costmon.state.guard_state import EMPTY, GuardSeen
from costmon.state.published import Published, Watched
from costmon.testing.clock import START, FakeClock

BUDGET = PolicyBudget(Budget("global", "1000", "month", "USD"), "file", None)
OPEN = OpenCircuit(id="1", scope="host:x.example", reason="loop", author="ada", expires_at=None)
CLOSE = CloseCircuit(id="2", scope="host:x.example", reason="fixed", author="ada")


def circuit(state, **changes):
    fields = {
        "scope": "host:x.example",
        "state": state,
        "reason": "loop",
        "author": "ada",
        "changed_at": START,
        "expires_at": None,
        "revision": 1,
    }
    return Circuit(**{**fields, **changes})


def policy(*circuits):
    return Policy(revision=repr(circuits), budgets=(BUDGET,), circuits=circuits)


class Room:
    """A desk whose policy actor does what a test says."""

    def __init__(self, first, then=None):
        self.policy = Watched(first)
        self.guard_state = Published(EMPTY)
        self.told = []
        self.then = then
        self.console_handler = ConsoleHandler(
            supervisor=lambda message: ("asked", message),
            tell_policy=self._take,
            policy=self.policy,
            guard_state=self.guard_state,
            clock=FakeClock(),
            patience_s=0.05 if then is None else 10,
        )

    def _take(self, message):
        self.told.append(message)
        if self.then is not None:
            threading.Thread(target=self.policy.publish, args=(self.then,)).start()


def test_about_actors_the_supervisor_is_asked():
    assert Room(policy()).console_handler.ask(GetChildren()) == ("asked", GetChildren())


def test_circuits_and_budgets_are_read_from_the_policy():
    console_handler = Room(policy(circuit("open"))).console_handler

    assert console_handler.ask(GetCircuits()) == (circuit("open"),)
    assert console_handler.ask(GetBudgets()) == (BUDGET,)


@pytest.mark.parametrize("message", [GetCircuits(), GetBudgets(), OPEN, CLOSE])
def test_before_the_database_was_read_nothing_is_said_to_be_so(message):
    room = Room(None)

    with pytest.raises(ConsoleUnavailableError, match="not been read"):
        room.console_handler.ask(message)

    assert room.told == []


def test_an_opened_circuit_is_confirmed_when_the_policy_has_it():
    room = Room(policy(), policy(circuit("open")))

    answer = room.console_handler.ask(OPEN)

    assert answer == CircuitDecided(confirmed=True, circuit=circuit("open"))
    assert room.told == [OPEN]


def test_opening_it_again_for_another_reason_waits_for_that_one():
    again = circuit("open", reason="again")
    room = Room(policy(circuit("open", reason="earlier")), policy(again))
    message = OpenCircuit(
        id="1", scope="host:x.example", reason="again", author="ada", expires_at=None
    )

    assert room.console_handler.ask(message) == CircuitDecided(confirmed=True, circuit=again)


def test_a_closed_circuit_is_confirmed_when_the_policy_has_it():
    room = Room(policy(circuit("open")), policy(circuit("closed", reason="fixed")))

    answer = room.console_handler.ask(CLOSE)

    assert answer == CircuitDecided(confirmed=True, circuit=circuit("closed", reason="fixed"))


def test_closing_what_was_never_open_is_no_error():
    assert Room(policy()).console_handler.ask(CLOSE) == CircuitDecided(confirmed=True, circuit=None)


def test_what_is_not_in_force_in_time_is_accepted_and_said_to_be_no_more():
    room = Room(policy())

    assert room.console_handler.ask(OPEN) == CircuitDecided(confirmed=False, circuit=None)


def test_guards_are_told_with_their_age():
    room = Room(policy())
    seen = GuardSeen(
        guard="9f",
        store="s",
        app="worker",
        host="box",
        pid=12,
        currency="USD",
        seen_at=START - dt.timedelta(seconds=90),
        sequence=7,
        scopes=(),
        leases=(),
        refused={("global", "budget"): 2, ("host:x", "rate"): 3},
    )
    room.guard_state.publish(EMPTY._replace(guards=(seen,)))

    assert room.console_handler.ask(GetGuards()) == (
        GuardStatus(
            guard="9f",
            app="worker",
            host="box",
            pid=12,
            seen_at=seen.seen_at,
            age_s=90.0,
            scopes=0,
            leases=0,
            refused=5,
        ),
    )
