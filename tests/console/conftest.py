"""A supervisor that answers from a list, and a console in front of it."""

import datetime as dt
import socket
import threading

import pytest

from costmon.clock import SystemClock
from costmon.console.client import ConsoleClient
from costmon.console.messages import CircuitDecided, GetBudgets, GetCircuits, GetGuards, GuardStatus
from costmon.console.server import ConsoleServer
from costmon.domain.budget import Budget
from costmon.domain.child import ChildStatus
from costmon.domain.circuit import Circuit
from costmon.domain.policy import PolicyBudget
from costmon.messages import CloseCircuit, OpenCircuit, RestartAnswer, RestartChild

NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


def status(name, **changes):
    fields = {
        "name": name,
        "role": name.partition(".")[0],
        "state": "running",
        "generation": 1,
        "restarts": 0,
        "mailbox": 0,
        "dead_letters": 0,
        "dropped": 0,
        "busy_s": None,
        "last_error": None,
        "started_at": dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC),
    }
    return ChildStatus(**{**fields, **changes})


class StandInSupervisor:
    """Answers like the supervisor; `hold` keeps questions waiting until it is set."""

    def __init__(self):
        self.children = (
            status("messenger"),
            status("poller.digitalocean", generation=3, restarts=2, mailbox=5, busy_s=0.5),
        )
        self.circuits = (Circuit("provider:openai", "open", "a loop", "ada", NOON, None, 1),)
        self.budgets = (PolicyBudget(Budget("host:*", "10.50", "month", "USD"), "file", None),)
        self.guards = (
            GuardStatus(
                guard="9f",
                app="worker",
                host="box",
                pid=12,
                seen_at=NOON,
                age_s=3.2,
                scopes=4,
                leases=1,
                refused=7,
            ),
        )
        self.confirmed = True
        self.asked = []
        self.hold = threading.Event()
        self.hold.set()
        self.entered = threading.Event()
        self.fault = None

    def ask(self, message):
        self.asked.append(message)
        self.entered.set()
        assert self.hold.wait(10)
        if self.fault is not None:
            raise self.fault
        if isinstance(message, RestartChild):
            restarted = tuple(
                child.name for child in self.children if message.name in {child.name, child.role}
            )
            known = {name for child in self.children for name in (child.role, child.name)}
            return RestartAnswer(restarted=restarted, known=tuple(sorted(known)))
        if isinstance(message, OpenCircuit | CloseCircuit):
            return self._decided(message)
        answers = {
            GetCircuits: self.circuits,
            GetBudgets: self.budgets,
            GetGuards: self.guards,
        }
        return answers.get(type(message), self.children)

    def _decided(self, message):
        circuit = Circuit(
            scope=message.scope,
            state="open" if isinstance(message, OpenCircuit) else "closed",
            reason=message.reason,
            author=message.author,
            changed_at=NOON,
            expires_at=getattr(message, "expires_at", None),
            revision=2,
        )
        return CircuitDecided(confirmed=self.confirmed, circuit=circuit if self.confirmed else None)


@pytest.fixture
def make_status():
    return status


@pytest.fixture
def supervisor():
    supervisor = StandInSupervisor()
    yield supervisor
    supervisor.hold.set()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "c.sock"


@pytest.fixture
def serve(path, supervisor):
    """Start a console server with limits of the test's choice."""
    servers = []

    def start(**limits):
        server = ConsoleServer(path, supervisor.ask, SystemClock(), **limits)
        server.start()
        servers.append(server)
        return server

    yield start
    supervisor.hold.set()
    for server in servers:
        server.close()


@pytest.fixture
def client(path):
    return ConsoleClient(path, clock=SystemClock(), timeout_s=10)


@pytest.fixture
def connect(path):
    """Make raw connections, closed at the end."""
    connections = []

    def make():
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(10)
        connections.append(connection)
        connection.connect(str(path))
        return connection

    yield make
    for connection in connections:
        connection.close()


@pytest.fixture
def say(connect):
    """Send bytes on a connection of their own and return all that comes back."""

    def exchange(data):
        connection = connect()
        connection.sendall(data)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received

    return exchange
