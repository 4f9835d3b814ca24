"""Answer operators at the console: about actors by asking the supervisor, about guards by reading.

What an operator decides about circuits is told to the policy actor; the answer waits a moment for
the policy that says so.
"""

import datetime as dt
from collections.abc import Callable
from typing import assert_never

from costmon.clock import Clock
from costmon.console.command import Message
from costmon.console.messages import CircuitDecided, GetBudgets, GetCircuits, GetGuards, GuardStatus
from costmon.domain.circuit import Circuit
from costmon.domain.policy import Policy
from costmon.errors import ConsoleUnavailableError
from costmon.messages import CloseCircuit, GetChildren, OpenCircuit, RestartChild
from costmon.state.guard_state import GuardSeen, GuardState
from costmon.state.published import Published, Watched

_PATIENCE_S = 3.0


class ConsoleHandler:
    """Where the console's messages arrive."""

    def __init__(
        self,
        *,
        supervisor: Callable[[Message], object],
        tell_policy: Callable[[OpenCircuit | CloseCircuit], None],
        policy: Watched[Policy | None],
        guard_state: Published[GuardState],
        clock: Clock,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        """Prepare.

        Args:
            supervisor: Answers about actors, in bounded time.
            tell_policy: Takes a decision about a circuit; does not wait for the result.
            policy: What guards enforce; `None` while that is not known yet.
            guard_state: What guards have reported.
            clock: Tells how old reports are.
            patience_s: Seconds to wait until a decision is in force.
        """
        self._supervisor = supervisor
        self._tell_policy = tell_policy
        self._policy = policy
        self._guard_state = guard_state
        self._clock = clock
        self._patience_s = patience_s

    def ask(self, message: Message) -> object:
        """Return the answer to an operator's message.

        Raises:
            ConsoleUnavailableError: Budgets and circuits have not been read yet.
            TimeoutError: The supervisor did not answer in time.
            SupervisionError: It has stopped, or the policy actor cannot be told anything.
        """
        match message:
            case GetChildren() | RestartChild():
                return self._supervisor(message)
            case GetCircuits():
                return self._known().circuits
            case GetBudgets():
                return self._known().budgets
            case GetGuards():
                return tuple(self._status(guard) for guard in self._guard_state.read().guards)
            case OpenCircuit() | CloseCircuit():
                return self._decide(message)
            case _:
                assert_never(message)

    def _known(self) -> Policy:
        policy = self._policy.read()
        if policy is None:
            raise ConsoleUnavailableError(
                "circuits and budgets have not been read from the database yet; try again"
            )
        return policy

    def _decide(self, message: OpenCircuit | CloseCircuit) -> CircuitDecided:
        self._known()
        self._tell_policy(message)
        policy = self._policy.wait(lambda policy: not _in_force(message, policy), self._patience_s)
        return CircuitDecided(
            confirmed=_in_force(message, policy), circuit=_circuit(message.scope, policy)
        )

    def _status(self, guard: GuardSeen) -> GuardStatus:
        return GuardStatus(
            guard=guard.guard,
            app=guard.app,
            host=guard.host,
            pid=guard.pid,
            seen_at=guard.seen_at,
            age_s=max(0.0, (self._clock.now() - guard.seen_at).total_seconds()),
            scopes=len(guard.scopes),
            leases=len(guard.leases),
            refused=sum(guard.refused.values()),
        )


def _circuit(scope: str, policy: Policy | None) -> Circuit | None:
    if policy is None:
        return None
    return next((circuit for circuit in policy.circuits if circuit.scope == scope), None)


def _in_force(message: OpenCircuit | CloseCircuit, policy: Policy | None) -> bool:
    circuit = _circuit(message.scope, policy)
    if isinstance(message, CloseCircuit):
        return policy is not None and (circuit is None or circuit.state == "closed")
    return (
        circuit is not None
        and (circuit.state, circuit.reason, circuit.author)
        == ("open", message.reason, message.author)
        and _about_same(circuit.expires_at, message.expires_at)
    )


def _about_same(one: dt.datetime | None, other: dt.datetime | None) -> bool:
    """Compare times of which one may have lost its fraction of a second on its way."""
    if one is None or other is None:
        return one is other
    return abs((one - other).total_seconds()) < 1
