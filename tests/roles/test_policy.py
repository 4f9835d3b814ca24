"""the policy actor and the persister on a real database: decisions once and for good, rows once."""

import datetime as dt
import random
import threading
from collections.abc import Mapping
from contextlib import contextmanager
from decimal import Decimal
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from costmon.actors.backlog import MailboxRules
from costmon.actors.child import ChildSpec
from costmon.actors.roles.persister import Persister, PersisterPlan
from costmon.actors.roles.policy import PolicyActor, PolicyPlan
from costmon.actors.waiting_charges import WaitingCharges
from costmon.bootstrap.history import Writers
from costmon.clock import SystemClock
from costmon.domain.budget import Budget
from costmon.domain.change import CircuitChange
from costmon.domain.circuit import Opening
from costmon.domain.policy import Policy
from costmon.errors import StoreUnavailableError
from costmon.messages import (
    CloseCircuit,
    GuardNoticed,
    GuardReported,
    OpenByRule,
    OpenCircuit,
    PolicyChanged,
    RemoveBudget,
    RestartChild,
    SetBudget,
)
from costmon.state.charges import nothing_known
from costmon.state.guard_state import EMPTY
from costmon.state.published import Published, SharedPublished, Watched
from costmon.state.report_limits import Allowance, ReportLimits
from costmon.store import DecisionJournal, Journal, Retention, open_store
from costmon.store.migrate import upgrade
from costmon.testing.clock import START
from costmon.testing.spend import gauge, guard_report, notice, spend_row
from tests.roles.tree import PATIENCE_S, SOON, Ear, running
from tests.roles.values import FORECASTER

FILE = (Budget("global", "1000", "month", "USD"),)
SOON_S = 0.2


class World:
    """One process's worth of policy actor and persister; the database may be away, or kill them."""

    def __init__(self, path, store):
        self.path = path
        self.store = store
        self.clock = SystemClock()
        self.writers = Writers(store, f"sqlite:///{path / 'costmon.db'}", Retention())
        self.away = False
        self.rng = random.Random(1)
        self.crash_share = 0.0
        self.crashes = 0
        self.guard_state = SharedPublished(EMPTY)
        self.policy = StruckCell(self)
        self.confirmed: Published[Mapping[str, int]] = Published({})
        self.people = Ear()

    def strike(self):
        if self.rng.random() < self.crash_share:
            self.crashes += 1
            raise RuntimeError("struck")

    def claim(self):
        if self.away:
            raise StoreUnavailableError("the database is away")
        return StruckWriter(self, self.writers.claim())

    def standing(self):
        if self.away:
            raise StoreUnavailableError("the database is away")
        self.strike()
        return self.store.decisions()

    @contextmanager
    def process(self):
        """Run until the end of the block; what is published begins anew."""
        self.guard_state, self.policy, self.confirmed = (
            SharedPublished(EMPTY),
            StruckCell(self),
            Published({}),
        )
        self.people = Ear()
        with (
            Journal(self.path / "cycles", 1 << 20) as journal,
            DecisionJournal(self.path / "decisions", 1 << 20) as decision_journal,
        ):
            persisting = PersisterPlan(
                claim=self.claim,
                journal=journal,
                changes=decision_journal,
                fault=Published(None),
                confirmed=self.confirmed,
                guard_state=self.guard_state,
                waiting_charges=WaitingCharges(),
                readings=Published({}),
                charges=Published(nothing_known(START, START.date())),
                forecaster=FORECASTER,
                accounts=lambda: (),
                timezone="UTC",
                removed=lambda _charges, _now: (),
            )
            policy = PolicyPlan(
                budgets=FILE,
                load=self.standing,
                changes=StruckDocket(self, decision_journal),
                guard_state=self.guard_state,
                policy=self.policy,
            )
            specs = (
                spec(
                    "persister",
                    lambda it: Persister(
                        it, persisting, alerter=it.addresses["alerter"], pollers={}
                    ),
                ),
                self.people.spec("alerter"),
                spec(
                    "policy",
                    lambda it: PolicyActor(
                        it,
                        policy,
                        persister=it.addresses["persister"],
                        alerter=it.addresses["alerter"],
                    ),
                ),
            )
            with running(specs, clock=self.clock) as system:
                yield SimpleNamespace(
                    system=system,
                    tell=system.addresses["policy"].tell,
                    decision_journal=decision_journal,
                )

    def when(self, claim):
        """Return the first policy of which `claim` is true."""
        policy = self.policy.wait(lambda it: it is None or not claim(it), PATIENCE_S)
        assert policy is not None
        assert claim(policy), policy
        return policy

    def open_scopes(self):
        policy, now = self.policy.read(), self.clock.now()
        assert policy is not None
        return [it.scope for it in policy.circuits if it.is_open(now)]


class StruckWriter:
    def __init__(self, world, writer):
        self.world = world
        self.writer = writer

    def __getattr__(self, name):
        act = getattr(self.writer, name)

        def struck(*arguments):
            if self.world.away:
                raise StoreUnavailableError("the database is away")
            self.world.strike()
            result = act(*arguments)
            self.world.strike()
            return result

        return struck


class StruckDocket:
    def __init__(self, world, decision_journal):
        self.world = world
        self.decision_journal = decision_journal

    def keep(self, change):
        self.world.strike()
        kept = self.decision_journal.keep(change)
        self.world.strike()
        return kept

    def waiting(self):
        return self.decision_journal.waiting()


class StruckCell(Watched[Policy | None]):
    """The policy's cell, that may kill who publishes."""

    def __init__(self, world):
        super().__init__(None)
        self.world = world

    def publish(self, policy):
        self.world.strike()
        super().publish(policy)
        self.world.strike()


def spec(name, build):
    return ChildSpec(
        name=name,
        build=build,
        core=True,
        policy=SOON,
        mailbox=MailboxRules(capacity=10_000, max_deliveries=50),
    )


@pytest.fixture
def world(tmp_path):
    url = f"sqlite:///{tmp_path / 'costmon.db'}"
    upgrade(url)
    with open_store(url, clock=SystemClock()) as store:
        yield World(tmp_path, store)


def opening(number=1, *, scope="host:api.example.com", expires_at=None):
    return OpenCircuit(
        id=f"open{number}", scope=scope, reason="runaway", author="ann", expires_at=expires_at
    )


def closing(number=1, *, scope="host:api.example.com"):
    return CloseCircuit(id=f"close{number}", scope=scope, reason="fixed", author="bob")


def setting(number=1, limit="5", *, scope="global", period="month"):
    return SetBudget(id=f"set{number}", budget=Budget(scope, limit, period, "USD"), author="ann")


def wait_until(claim):
    for _ in range(int(PATIENCE_S / 0.005)):
        if claim():
            return
        threading.Event().wait(0.005)
    pytest.fail("it never came about")


def is_open(policy):
    return any(it.state == "open" for it in policy.circuits)


def test_the_files_budgets_are_published_once_the_database_was_read(world):
    with world.process():
        policy = world.when(lambda it: True)

    assert [(it.budget, it.source) for it in policy.budgets] == [(FILE[0], "file")]


def test_a_circuit_that_was_opened_is_open_in_the_next_process(world):
    with world.process() as process:
        world.when(lambda it: True)
        process.tell(opening())
        before = world.when(is_open)

    with world.process():
        after = world.when(lambda it: True)

    assert after == before
    assert after.circuits[0].author == "ann"


def test_closing_and_taking_back_hold_in_the_next_process_too(world):
    with world.process() as process:
        for command in (opening(), setting(), closing()):
            process.tell(command)
        process.tell(RemoveBudget(id="r", scope="global", period="month", author="bob"))

    with world.process():
        policy = world.when(lambda it: True)

    assert [it.state for it in policy.circuits] == ["closed"]
    assert [it.source for it in policy.budgets] == ["file"]


def test_a_budget_set_by_api_wins_over_the_files_also_after_a_restart(world):
    with world.process() as process:
        process.tell(setting(limit="5"))
    with world.process():
        policy = world.when(lambda it: True)

    assert [(it.budget.limit, it.source, it.author) for it in policy.budgets] == [(5, "api", "ann")]


def test_while_the_database_cannot_be_read_nothing_is_guessed_and_no_decision_is_lost(world):
    with world.process() as process:
        process.tell(opening(1, scope="key:before"))
    world.away = True
    with world.process() as process:
        process.tell(opening(2, scope="key:while-away"))
        process.tell(closing(1, scope="key:before"))
        wait_until(lambda: len(process.decision_journal) == 2)
        assert world.policy.read() is None
        world.away = False
        policy = world.when(lambda it: len(it.circuits) == 2)
        wait_until(lambda: len(process.decision_journal) == 0)

    assert [(it.scope, it.state) for it in policy.circuits] == [
        ("key:before", "closed"),
        ("key:while-away", "open"),
    ]
    assert {it.scope: it.state for it in world.store.decisions().circuits} == {
        "key:before": "closed",
        "key:while-away": "open",
    }
    assert policy.circuits[1].revision < policy.circuits[0].revision


def test_what_was_decided_before_a_kill_while_the_database_was_away_is_there_afterwards(world):
    world.away = True
    with world.process() as process:
        process.tell(opening())
        wait_until(lambda: len(process.decision_journal) == 1)

    world.away = False
    with world.process() as process:
        world.when(is_open)
        wait_until(lambda: len(process.decision_journal) == 0)

    assert [it.state for it in world.store.decisions().circuits] == ["open"]


def test_a_waiting_guard_is_woken_when_a_circuit_expires(world):
    with world.process() as process:
        world.when(lambda it: True)
        end = world.clock.now() + dt.timedelta(seconds=SOON_S)
        process.tell(opening(expires_at=end))
        opened = world.when(is_open)

        expired = world.policy.wait(lambda it: it.revision == opened.revision, PATIENCE_S)

        assert world.clock.now() >= end
        assert expired.circuits == opened.circuits
        assert world.open_scopes() == []
        told = world.people.wait_for(2)
    assert [message.change.id.partition("/")[0] for message in told] == ["open1", "expired"]


def test_people_are_told_of_circuits_and_the_persister_of_all_changes(world):
    with world.process() as process:
        for command in (opening(), setting(), closing()):
            process.tell(command)
        heard = world.people.wait_for(2)

    assert [(type(it.change), it.change.circuit.state) for it in heard] == [
        (CircuitChange, "open"),
        (CircuitChange, "closed"),
    ]


def test_a_new_incarnation_goes_on_from_what_is_published(world):
    with world.process() as process:
        process.tell(opening())
        before = world.when(is_open)
        process.system.supervisor.ask(RestartChild(name="policy"), PATIENCE_S)
        process.tell(closing())

        after = world.when(lambda it: not is_open(it))

    assert after.circuits[0].revision > before.circuits[0].revision


def test_a_report_is_on_the_board_and_its_rows_are_confirmed_once_they_are_written(world):
    with world.process() as process:
        process.tell(
            GuardReported(
                report=guard_report(1, [spend_row("0.01")], scopes=[gauge()], notices=[notice()])
            )
        )
        wait_until(lambda: world.confirmed.read().get("g1") == 1)
        wait_until(lambda: world.guard_state.read().totals)
        (told,) = world.people.wait_for(1)

    guard_state = world.guard_state.read()
    assert guard_state.guards[0].app == "worker"
    assert guard_state.totals["global", "USD"].spent == Decimal("0.01")
    assert told == GuardNoticed(app="worker", host="box", notice=notice(), gauge=gauge())
    with world.process():
        world.when(lambda it: True)
        assert world.guard_state.read().totals == guard_state.totals


def test_a_report_in_the_name_of_a_guard_with_a_token_is_refused_and_told_once(world):
    trusted = guard_report(1, [spend_row("0.01")], scopes=[gauge()])
    with world.process() as process, capture_logs() as lines:
        process.tell(GuardReported(report=trusted, authenticated=True))
        for sequence in range(5, 9):
            forged = guard_report(sequence, [spend_row("0")], app="forged")
            process.tell(GuardReported(report=forged))
        process.tell(GuardReported(report=guard_report(2), authenticated=True))
        wait_until(lambda: [it.sequence for it in world.guard_state.read().guards] == [2])
        wait_until(lambda: world.confirmed.read().get("g1") == 2)

    assert [seen.app for seen in world.guard_state.read().guards] == ["worker"]
    assert world.store.decisions().totals["global", "USD"].spent == Decimal("0.01")
    assert [line["event"] for line in lines].count("policy.report_refused") == 1


def test_a_report_beyond_the_limits_is_shown_and_neither_written_nor_confirmed(world, monkeypatch):
    small = Allowance(store=3, total=3)
    monkeypatch.setattr("costmon.actors.roles.policy.ReportLimits", lambda: ReportLimits(small))
    rows = [spend_row("0.01", scope=f"key:{number}") for number in range(3)]
    with world.process() as process, capture_logs() as lines:
        for sequence in (1, 2):
            report = guard_report(sequence, rows, guard="many", scopes=[gauge()])
            process.tell(GuardReported(report=report))
        process.tell(GuardReported(report=guard_report(1, rows[:1], guard="few")))
        wait_until(lambda: world.confirmed.read().get("few") == 1)

    assert {seen.guard: len(seen.scopes) for seen in world.guard_state.read().guards} == {
        "many": 1,
        "few": 0,
    }
    assert "many" not in world.confirmed.read()
    assert [line["event"] for line in lines].count("policy.reports_limited") == 1


def test_the_same_report_again_tells_nobody_again(world):
    message = GuardReported(report=guard_report(1, [spend_row("0.01")], notices=[notice()]))
    with world.process() as process:
        process.tell(message)
        process.tell(message)
    assert len(world.people.heard) == 1
    assert world.store.decisions().totals["global", "USD"].requests == 1


def test_reports_wait_while_the_database_is_away_and_are_confirmed_when_it_returns(world):
    with world.process() as process:
        world.when(lambda it: True)
        world.away = True
        for sequence in (1, 2, 3):
            rows = [spend_row(str(sequence), changes=sequence)]
            process.tell(GuardReported(report=guard_report(sequence, rows)))
        wait_until(
            lambda: (
                world.guard_state.read().guards and world.guard_state.read().guards[0].sequence == 3
            )
        )
        assert world.confirmed.read() == {}
        world.away = False
        wait_until(lambda: world.confirmed.read().get("g1") == 3)

    assert world.store.decisions().totals["global", "USD"].spent == 3


def test_more_reports_than_can_wait_are_dropped_and_not_confirmed(world, monkeypatch):
    monkeypatch.setattr("costmon.actors.roles.persister._MOST_ROWS", 5)
    world.away = True
    with capture_logs() as lines, world.process() as process:
        for sequence in range(1, 9):
            rows = [spend_row("1", scope=f"key:{sequence}")]
            process.tell(GuardReported(report=guard_report(sequence, rows)))
        wait_until(lambda: [it["event"] for it in lines].count("persister.report_dropped") == 6)
        world.away = False
        wait_until(lambda: world.confirmed.read().get("g1") == 2)
        process.tell(GuardReported(report=guard_report(9, [spend_row("1")])))
        wait_until(lambda: ("global", "USD") in world.guard_state.read().totals)

    assert world.confirmed.read()["g1"] == 2
    assert {scope for scope, _ in world.store.decisions().totals} == {"key:1", "key:2", "global"}


@pytest.mark.parametrize("seed", range(3))
def test_whoever_crashes_every_decision_and_every_row_is_there_once(world, seed):
    world.rng, world.crash_share = random.Random(seed), 0.05
    commands = [
        (opening(n, scope=f"key:{n % 5}") if n % 3 else closing(n, scope=f"key:{n % 5}"))
        for n in range(40)
    ] + [setting(n, str(n + 1), period=("hour", "day")[n % 2]) for n in range(20)]
    with capture_logs(), world.process() as process:
        for sequence, command in enumerate(commands, start=1):
            process.tell(command)
            rows = [
                spend_row(str(sequence), changes=sequence),
                spend_row("1", scope=f"key:{sequence}"),
            ]
            process.tell(GuardReported(report=guard_report(sequence, rows)))
        wait_until(lambda: world.confirmed.read().get("g1") == len(commands))
        wait_until(lambda: len(process.decision_journal) == 0)
        last = {it.scope: it.state for it in expected_circuits(commands)}
        policy = world.when(lambda it: {c.scope: c.state for c in it.circuits} == last)
        wait_until(lambda: len(world.guard_state.read().totals) == len(commands) + 1)

    assert world.crashes > 5
    world.crash_share = 0.0
    decisions = world.store.decisions()
    assert {it.scope: it.state for it in decisions.circuits} == last
    assert {it.budget.period: it.budget.limit for it in decisions.budgets} == {
        "hour": 19,
        "day": 20,
    }
    assert decisions.totals["global", "USD"].spent == len(commands)
    assert decisions.totals == world.guard_state.read().totals
    assert [it.budget.limit for it in policy.budgets if it.source == "api"] == [20, 19]
    with world.store._reading.connect() as connection:
        audited = connection.exec_driver_sql("SELECT change_id FROM audit ORDER BY id").all()
    assert [row[0] for row in audited] == [it.id for it in commands]


def expected_circuits(commands):
    """Return the last command about each scope as a circuit would say it."""
    return [
        SimpleNamespace(scope=it.scope, state="open" if isinstance(it, OpenCircuit) else "closed")
        for it in commands
        if isinstance(it, OpenCircuit | CloseCircuit)
    ]


def by_rule(reason="60 USD in the last hour", *, scope="host:api.example.com", open_s=3600.0):
    return OpenByRule(
        opening=Opening(
            id=f"rule/{reason}",
            scope=scope,
            rule="host:*",
            cause="threshold",
            reason=reason,
            open_s=open_s,
            trial_s=3600.0,
        )
    )


def state_of(policy):
    (circuit,) = policy.circuits
    return circuit.current_state(dt.datetime.now(dt.UTC))


def test_a_rule_opens_a_circuit_once_however_often_it_says_so(world):
    with world.process() as process:
        world.when(lambda it: True)
        process.tell(by_rule("60 USD"))
        opened = world.when(is_open)
        process.tell(by_rule("61 USD"))
        process.tell(setting())
        after = world.when(lambda it: any(one.source == "api" for one in it.budgets))

    assert after.circuits == opened.circuits
    (circuit,) = opened.circuits
    assert (circuit.author, circuit.reason, circuit.openings) == ("rule host:*", "60 USD", 1)
    alerted = [it.change.circuit.scope for it in world.people.heard if is_circuit(it)]
    assert alerted == ["host:api.example.com"]


def test_a_half_open_circuit_is_half_open_in_the_next_process_and_opens_for_twice_as_long(world):
    with world.process() as process:
        world.when(lambda it: True)
        process.tell(by_rule(open_s=SOON_S))
        world.when(is_open)
        before = world.when(lambda it: state_of(it) == "half-open")

    with world.process() as process:
        after = world.when(lambda it: True)
        assert state_of(after) == "half-open"
        assert after.circuits == before.circuits
        process.tell(by_rule("6 USD in 5 minutes", open_s=SOON_S))
        opened = world.when(lambda it: it.circuits[0].openings == 2)

    (circuit,) = opened.circuits
    assert circuit.expires_at - circuit.changed_at == dt.timedelta(seconds=2 * SOON_S)


def test_a_rule_that_speaks_before_the_database_was_read_does_not_undo_a_stop_by_hand(world):
    with world.process() as process:
        world.when(lambda it: True)
        process.tell(opening())
        world.when(is_open)
    world.away = True
    with world.process() as process:
        process.tell(by_rule())
        process.tell(by_rule(scope="host:other.example.com"))
        world.away = False
        policy = world.when(lambda it: len(it.circuits) == 2)

    assert [(it.scope, it.author) for it in policy.circuits] == [
        ("host:api.example.com", "ann"),
        ("host:other.example.com", "rule host:*"),
    ]


def test_what_a_rule_has_opened_is_reset_by_hand(world):
    with world.process() as process:
        world.when(lambda it: True)
        process.tell(by_rule())
        world.when(is_open)
        process.tell(closing())
        policy = world.when(lambda it: not is_open(it))

    (circuit,) = policy.circuits
    assert (circuit.state, circuit.author, circuit.rule) == ("closed", "bob", "host:*")
    assert circuit.is_on_trial(world.clock.now())


def is_circuit(message):
    return isinstance(message, PolicyChanged) and isinstance(message.change, CircuitChange)
