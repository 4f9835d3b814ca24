"""A store that really goes away: calls are refused, or pass up to a cap; never silently."""

import contextlib
import os
import random
import resource
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from costmon.guard import Budget, BudgetError, CurrencyError, Guard, GuardStoreUnavailable
from costmon.guard.stores.sqlite import SQLiteStore
from costmon.testing.clock import FakeClock

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
POSTGRES = PROGRAMS[-1] if PROGRAMS else Path("/nowhere")


class File:
    """An SQLite file whose folder is taken away."""

    def __init__(self, folder):
        self._home, self._away = folder / "home", folder / "away"
        self._home.mkdir()
        self.url = f"sqlite:///{self._home / 'guard.db'}"

    def stop(self):
        self._home.rename(self._away)

    def start(self):
        if self._away.exists():
            self._away.rename(self._home)

    def end(self):
        shutil.rmtree(self._home, ignore_errors=True)


class Server:
    """A PostgreSQL of this test's own that is stopped and started."""

    def __init__(self, folder):
        self._data = folder / "data"
        self._socket = folder / "s"
        self._socket.mkdir()
        # PostgreSQL does not run as root.
        self._as = []
        if os.getuid() == 0:
            for one in (folder, self._socket):
                shutil.chown(one, "postgres")
            for parent in list(folder.parents)[:3]:
                parent.chmod(0o755)
            self._as = ["runuser", "-u", "postgres", "--"]
        self._run(
            POSTGRES / "initdb", "-D", self._data, "-A", "trust", "-U", "postgres", "--no-sync"
        )
        self.url = f"postgresql://postgres@/postgres?host={self._socket}"
        self.start()

    def _run(self, *command):
        done = subprocess.run(
            [*self._as, *map(str, command)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            check=True,
            timeout=50,
        )
        assert done.returncode == 0

    def start(self):
        options = f"-k {self._socket} -c listen_addresses='' -c fsync=off"
        self._run(
            POSTGRES / "pg_ctl", "-D", self._data, "-w", "-l", self._data / "log", "-o", options,
            "start",
        )  # fmt: skip

    def stop(self):
        self._run(POSTGRES / "pg_ctl", "-D", self._data, "-w", "-m", "fast", "stop")

    def end(self):
        self._run(POSTGRES / "pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], scope="module"
)
def place(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("p")
    made: File | Server
    if request.param == "postgresql":
        if not PROGRAMS or not os.environ.get("PGHOST"):
            pytest.skip("no PostgreSQL: PGHOST is not set (run under pg_virtualenv)")
        made = Server(folder)
    else:
        made = File(folder)
    yield made
    made.end()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def make(place, clock, request):
    """Make guards with counters of this test's own; the store is there, until it is stopped."""
    guards = []

    def made(when, **named):
        scope = f"tag:test={request.node.name[:60].partition('[')[0]}"
        guard = Guard(
            place.url, [Budget(scope, "1", "total")], when_store_fails=when, clock=clock, **named
        )
        guards.append(guard)
        told: list[Any] = []
        guard.subscribe(told.append)
        return guard, scope, told

    yield made
    if guards and guards[0].status is not None:
        try:
            guards[0].spent("global")
        except GuardStoreUnavailable:
            place.start()
    for guard in guards:
        guard.close()


def kinds(told):
    return [one.kind for one in told]


def test_fail_closed_refuses_every_call_until_the_store_is_back(make, place, clock):
    guard, scope, told = make("fail_closed")
    guard.reserve(scope, "0.1").settle()

    place.stop()
    with pytest.raises(GuardStoreUnavailable) as caught:
        guard.reserve(scope, "0.1")
    for _ in range(2):
        with pytest.raises(GuardStoreUnavailable):
            guard.reserve(scope, "0.1")
    place.start()
    clock.advance(2)
    guard.reserve(scope, "0.1").settle()

    assert "postgres@" not in str(caught.value)
    assert kinds(told) == ["store_lost", "store_returned"]
    assert "every call is refused" in told[0].text
    status = guard.status()
    assert status.store_failures >= 3
    assert (status.store_fault, status.passed_without_store) == (None, 0)
    assert guard.spent(scope) == Decimal("0.2")


def test_a_lease_that_ends_while_the_store_is_away_is_charged_when_it_is_back(make, place, clock):
    guard, scope, _ = make("fail_closed")
    settled, released = guard.reserve(scope, "0.4"), guard.reserve(scope, "0.4")

    place.stop()
    settled.settle("0.3")
    released.release()
    place.start()
    clock.advance(2)
    guard.sweep()

    assert (guard.spent(scope), guard.held(scope)) == (Decimal("0.3"), 0)


def test_fail_open_lets_calls_pass_and_charges_them_later(make, place, clock):
    guard, scope, told = make("fail_open")
    guard.reserve(scope, "0.1").settle()

    place.stop()
    leases = [guard.reserve(scope, "0.5") for _ in range(4)]
    leases[0].settle("0.4", bytes_in=5)
    leases[1].settle()
    leases[2].release()
    lost = leases.pop()
    status = guard._failover
    passed, owed = status.passed, status.owed
    place.start()
    clock.advance(61)
    guard.sweep()

    assert (passed, owed) == (4, 2)
    # 0.1 + 0.4 + 0.5, and 0.5 of the one that nobody settled.
    assert guard.spent(scope) == Decimal("1.5")
    assert lost.state == "expired"
    assert kinds(told)[0] == "store_lost"
    assert "calls are allowed without it" in told[0].text
    assert "store_returned" in kinds(told)
    assert guard.status().owed == 0


def test_fail_open_with_cap_lets_calls_pass_up_to_the_cap(make, place, clock):
    guard, scope, told = make("fail_open_with_cap", cap="0.25")
    guard.reserve(scope, "0.1").settle()

    place.stop()
    first = guard.reserve(scope, "0.2")
    with pytest.raises(GuardStoreUnavailable, match="cap"):
        guard.reserve(scope, "0.1")
    first.settle("0.1")
    second = guard.reserve(scope, "0.15")
    second.settle()
    with pytest.raises(GuardStoreUnavailable, match="cap"):
        guard.reserve(scope, "0.01")
    place.start()
    clock.advance(2)
    guard.sweep()

    assert guard.spent(scope) == Decimal("0.35")
    assert kinds(told) == ["store_lost", "store_returned"]
    assert guard.status().passed_without_store == 2


def test_the_cap_is_there_anew_each_time_the_store_goes_away(make, place, clock):
    guard, scope, told = make("fail_open_with_cap", cap="0.2")
    for _ in range(2):
        place.stop()
        guard.reserve(scope, "0.2").settle()
        with pytest.raises(GuardStoreUnavailable):
            guard.reserve(scope, "0.2")
        place.start()
        clock.advance(2)
        guard.sweep()

    assert guard.spent(scope) == Decimal("0.4")
    assert kinds(told) == ["store_lost", "store_returned"] * 2


def test_a_store_that_was_never_there_is_no_reason_to_pass_when_closed(tmp_path, clock):
    guard = Guard(
        "postgresql://user:hunter2@127.0.0.1:1/none?connect_timeout=2",
        [Budget("global", "1")],
        clock=clock,
    )

    with pytest.raises(GuardStoreUnavailable) as caught:
        guard.reserve("global", "0.1")
    guard.close()

    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(guard)


def test_a_store_that_was_never_there_lets_calls_pass_when_open(clock):
    guard = Guard("redis://127.0.0.1:1/0", when_store_fails="fail_open", clock=clock)
    told: list[Any] = []
    guard.subscribe(told.append)

    guard.reserve("global", "0.1").settle()
    guard.close()

    assert kinds(told) == ["store_lost", "store_lost"]
    assert "1 charges could not be sent" in told[1].text


def test_figures_are_never_a_zero_while_the_store_is_away(make, place):
    guard, scope, _ = make("fail_open")
    guard.reserve(scope, "0.1").settle()
    place.stop()

    for ask in (guard.spent, guard.held, guard.remaining):
        with pytest.raises(GuardStoreUnavailable):
            ask(scope)
    place.start()


@pytest.mark.parametrize(
    "named",
    [
        {"when_store_fails": "fail_open_with_cap"},
        {"when_store_fails": "fail_open", "cap": "1"},
        {"cap": "1"},
        {"when_store_fails": "hope"},
    ],
)
def test_a_cap_goes_with_its_mode_and_modes_are_known(named, tmp_path):
    with pytest.raises(BudgetError):
        Guard(f"sqlite:///{tmp_path / 'guard.db'}", **named)


@contextlib.contextmanager
def full_disk():
    """As on a full disk, reading works and a commit fails: no file may grow above this size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (32_768, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def on_a_file(tmp_path, clock, **named):
    told: list[Any] = []
    guard = Guard(
        f"sqlite:///{tmp_path / 'guard.db'}",
        [Budget("global", "1", "day")],
        clock=clock,
        rng=random.Random(1),
        **named,
    )
    guard.subscribe(told.append)
    return guard, told


def test_what_a_call_cost_is_written_when_the_full_disk_has_room_again(tmp_path, clock):
    guard, told = on_a_file(tmp_path, clock)
    leases = [guard.reserve("key:x", "0.01") for _ in range(5)]

    with full_disk():
        for lease in leases[:4]:
            lease.settle("0.005")
        leases[4].release()
        owed = guard.status().owed
    clock.advance(2)

    assert owed == 5
    assert kinds(told) == ["store_lost"]
    assert guard.spent("global") == Decimal("0.02")
    assert guard.held("global") == 0
    guard.close()


def test_what_is_owed_is_also_written_when_calls_only_end(tmp_path, clock):
    guard, _ = on_a_file(tmp_path, clock)
    first, second = guard.reserve("key:x", "0.01"), guard.reserve("key:x", "0.01")
    with full_disk():
        first.settle("0.005")

    clock.advance(2)
    second.settle("0.004")

    assert guard._failover.owed == 0
    assert guard.spent("global") == Decimal("0.009")
    guard.close()


def test_a_full_disk_that_can_be_read_does_not_begin_a_new_cap(tmp_path, clock):
    guard, told = on_a_file(tmp_path, clock, when_store_fails="fail_open_with_cap", cap="0.02")
    guard.reserve("key:x", "0.01").settle()

    with full_disk():
        guard.reserve("key:x", "0.01").settle()
        guard.store.settings()
        guard.reserve("key:x", "0.01").settle()
        guard.store.settings()
        with pytest.raises(GuardStoreUnavailable, match="cap"):
            guard.reserve("key:x", "0.01")
    clock.advance(2)

    assert guard.spent("global") == Decimal("0.03")
    assert kinds(told) == ["store_lost", "store_returned"]
    guard.close()


def test_slabs_are_settled_when_the_full_disk_has_room_again(tmp_path, clock):
    guard, _ = on_a_file(tmp_path, clock, slab="0.5")
    lease = guard.reserve("key:x", "0.01")
    lease.settle("0.005")

    clock.advance(11)
    with full_disk(), pytest.raises(GuardStoreUnavailable):
        guard.sweep()
    clock.advance(2)
    guard.sweep()

    assert (guard.spent("global"), guard.held("global")) == (Decimal("0.005"), 0)
    guard.close()


def test_a_lease_that_the_store_does_not_know_any_more_is_counted_as_lost(tmp_path, clock):
    guard, told = on_a_file(tmp_path, clock)
    lease, other = guard.reserve("key:x", "0.01"), guard.reserve("key:x", "0.01")
    for file in tmp_path.iterdir():
        file.unlink()

    lease.settle("0.005")
    clock.advance(2)
    other.settle("0.005")
    guard.sweep()

    assert guard.status().lost == 2
    assert "does not know the lease" in "".join(one.text for one in told)
    guard.close()


def test_what_was_spent_without_the_store_in_another_currency_is_counted_as_lost(tmp_path, clock):
    home = tmp_path / "home"
    dollars = Guard(
        f"sqlite:///{home / 'guard.db'}", when_store_fails="fail_open", currency="USD", clock=clock
    )
    dollars.reserve("global", "0.1").settle()
    home.mkdir()
    euros = Guard(f"sqlite:///{home / 'guard.db'}", currency="EUR", clock=clock)
    euros.reserve("global", "0.2").settle()
    clock.advance(2)

    with pytest.raises(CurrencyError, match=r"EUR.*USD"):
        dollars.reserve("global", "0.1")

    assert dollars.status().lost == 1
    assert euros.spent("global") == Decimal("0.2")
    euros.close()
    dollars.close()


class Slow(SQLiteStore):
    """A store that takes five seconds to fail, as a stopped server does."""

    asked = 0
    fails = False

    def __init__(self, tmp_path, clock):
        super().__init__(str(tmp_path / "guard.db"), clock=clock, rng=random.Random(1))
        self.clock = clock

    def reserve(self, *given):
        return self._tried(super().reserve, *given)

    def settle(self, *given):
        return self._tried(super().settle, *given)

    def _tried(self, action, *given):
        if self.fails:
            self.asked += 1
            self.clock.advance(5)
            raise GuardStoreUnavailable("slow://", "be used", "the server does not answer")
        return action(*given)


def test_a_store_that_fails_slowly_is_asked_once_a_second(tmp_path, clock):
    store = Slow(tmp_path, clock)
    guard = Guard(store, [Budget("global", "1")], clock=clock)
    leases = [guard.reserve("key:a", "0.01") for _ in range(10)]

    store.fails = True
    for _ in range(10):
        with pytest.raises(GuardStoreUnavailable, match="does not answer"):
            guard.reserve("key:a", "0.01")
    for lease in leases:
        lease.settle("0.005")
    asked_at_first = store.asked
    clock.advance(1)
    with pytest.raises(GuardStoreUnavailable):
        guard.reserve("key:a", "0.01")
    asked_later = store.asked
    store.fails = False
    clock.advance(1)
    guard.reserve("key:a", "0.01").release()

    assert (asked_at_first, asked_later) == (1, 2)
    assert guard.spent("global") == Decimal("0.05")
    assert guard.status().owed == 0
    guard.close()


def test_what_is_owed_to_a_store_that_failed_slowly_is_sent_on_closing(tmp_path, clock):
    store = Slow(tmp_path, clock)
    guard = Guard(store, [Budget("global", "1")], clock=clock)
    lease = guard.reserve("key:a", "0.01")
    store.fails = True
    lease.settle("0.005")
    store.fails = False

    guard.close()

    assert store.usage(0, 1 << 40, "global")[0].spent == 5_000_000
