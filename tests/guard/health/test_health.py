"""Which hosts may be called."""

import random
import threading
from itertools import pairwise

import pytest

from costmon.errors import InputError, ScopeError
from costmon.guard.errors import GuardStoreUnavailable, HealthRefused
from costmon.guard.health.called_host import SYNC_S
from costmon.guard.health.health import IDLE_S, Health
from costmon.guard.health.rules import USUAL
from costmon.guard.stores.memory import MemoryStore
from costmon.testing.clock import FakeClock


class CountingStore(MemoryStore):
    """A store in memory that counts what it is asked, and can be away."""

    def __init__(self, *, clock):
        super().__init__(clock=clock)
        self.asked = 0
        self.away = False

    def _ask(self):
        self.asked += 1
        if self.away:
            raise GuardStoreUnavailable(str(self), "be asked", "it is away")

    def read(self, kind, key):
        self._ask()
        return super().read(kind, key)

    def update(self, kind, key, change):
        self._ask()
        return super().update(kind, key, change)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def store(clock):
    return CountingStore(clock=clock)


@pytest.fixture
def health(store, clock):
    return Health(store, clock=clock, rng=random.Random(3))


def another(store, clock, **settings):
    """Return the health of another process on the same store."""
    return Health(store, clock=clock, rng=random.Random(4), **settings)


def fail(health, host="sick.example", times=5):
    for _ in range(times):
        health.record(host, "timeout", 1.0)


def until_due(health, clock, host="sick.example"):
    with pytest.raises(HealthRefused) as caught:
        health.admit(host)
    clock.advance(caught.value.retry_after_s)
    return caught.value.retry_after_s


def test_a_host_that_nobody_has_called_is_let_through_and_unknown(health):
    assert health.admit("new.example").probe is None
    assert health.get("new.example") is None
    assert health.is_healthy("new.example")
    assert health.unhealthy() == []


def test_what_is_unknown_is_none_and_never_0(health):
    health.record("dead.example", "refused")

    found = health.get("dead.example")

    assert found.p95_s is None
    assert found.success_rate == pytest.approx(5 / 7)
    assert found.until is None


def test_the_p95_is_of_all_answers_and_not_the_last(health):
    for number in range(100):
        health.record("a.example", None, 1.0 if number % 10 == 0 else 0.1)
    health.record("a.example", None, 0.1)

    assert health.get("a.example").p95_s == pytest.approx(1.0, rel=0.125)


def test_the_fifth_failure_in_a_row_puts_a_host_into_quarantine(health):
    fail(health, times=4)
    health.admit("sick.example")

    fail(health, times=1)

    with pytest.raises(HealthRefused) as caught:
        health.admit("sick.example")
    refused = caught.value
    assert refused.scope == "host:sick.example"
    assert refused.failures == 5
    assert 48 <= (refused.retry_after_s or 0) <= 60
    assert refused.until == health.get("sick.example").until
    assert "5 consecutive failures" in str(refused)


def test_a_probe_that_succeeds_closes_and_resets(health, clock):
    fail(health)
    until_due(health, clock)

    probe = health.admit("sick.example")
    health.record("sick.example", None, 0.1, admission=probe)

    found = health.get("sick.example")
    assert found.healthy
    assert found.quarantine == "closed"
    assert found.consecutive_failures == 0
    assert found.openings == 0
    assert health.admit("sick.example").probe is None


def test_a_probe_that_fails_doubles_the_time(health, clock):
    fail(health)
    waits = []
    for _ in range(9):
        waits.append(until_due(health, clock))
        health.record("sick.example", "refused", admission=health.admit("sick.example"))

    for wait_s, next_s in pairwise(waits[:6]):
        assert 1.6 * wait_s <= next_s <= 2.5 * wait_s
    assert 2880 <= waits[-1] <= 3600


def test_while_a_probe_is_out_everybody_else_is_refused(health, clock):
    fail(health)
    until_due(health, clock)
    health.admit("sick.example")

    with pytest.raises(HealthRefused) as caught:
        health.admit("sick.example")

    assert caught.value.retry_after_s == USUAL.probe_s
    assert health.get("sick.example").quarantine == "half_open"


def test_a_check_takes_no_probe(health, clock):
    fail(health)
    with pytest.raises(HealthRefused):
        health.check("sick.example")
    until_due(health, clock)

    health.check("sick.example")

    assert health.admit("sick.example").probe is not None


def test_a_probe_that_died_blocks_nobody_for_ever(health, clock):
    fail(health)
    until_due(health, clock)
    dead = health.admit("sick.example")
    clock.advance(USUAL.probe_s)

    alive = health.admit("sick.example")
    health.record("sick.example", "timeout", 1.0, admission=dead)
    health.record("sick.example", None, 0.1, admission=alive)

    assert health.get("sick.example").healthy


def test_a_probe_that_was_not_made_is_given_to_the_next(health, clock):
    fail(health)
    until_due(health, clock)
    health.withdraw(health.admit("sick.example"))

    assert health.admit("sick.example").probe is not None


def test_a_call_that_was_under_way_when_the_quarantine_opened_does_not_decide(health, clock):
    slow = health.admit("sick.example")
    fail(health)

    health.record("sick.example", None, 30.0, admission=slow)

    assert health.get("sick.example").quarantine == "open"
    until_due(health, clock)
    probe = health.admit("sick.example")
    health.record("sick.example", None, 30.0, admission=slow)
    assert health.get("sick.example").quarantine == "half_open"
    health.record("sick.example", None, 0.1, admission=probe)
    assert health.get("sick.example").quarantine == "closed"


def test_a_program_that_keeps_no_admissions_gets_out_of_quarantine_too(health, clock):
    fail(health)
    until_due(health, clock)
    health.admit("sick.example")

    health.record("sick.example", None, 0.1)

    assert health.is_healthy("sick.example")


def test_every_spelling_of_a_host_is_one_host(health):
    for spelling in (
        "Sick.Example",
        "https://sick.example:443/x?y",
        "u:p@sick.example",
        "sick.example.",
    ):
        health.record(spelling, "dns")
    health.record("sick.example", "dns")

    assert not health.is_healthy("SICK.example:8080")
    assert [found.host for found in health.hosts()] == ["sick.example"]


@pytest.mark.parametrize("host", ["", "a b", "http://", None])
def test_what_is_no_host_is_refused(health, host):
    with pytest.raises(ScopeError):
        health.admit(host)


def test_what_is_no_latency_is_refused_and_not_counted(health):
    with pytest.raises(InputError):
        health.record("a.example", None, -1.0)

    assert health.get("a.example") is None


def test_the_unhealthy_are_listed_worst_first_without_a_cap(health):
    for number in range(60):
        fail(health, f"h{number}.example", times=5 + number % 7)
    for _ in range(30):
        health.record("slow.example", None, 60.0)
        health.record("good.example", None, 0.1)

    found = health.unhealthy()

    assert len(found) == 61
    assert [one.score for one in found] == sorted(one.score for one in found)
    assert found[-1].host == "slow.example"
    health.admit("slow.example")  # slow is listed, not refused


def test_a_host_can_be_forgotten_by_all(health, store, clock):
    other = another(store, clock)
    fail(health)
    clock.advance(SYNC_S)
    with pytest.raises(HealthRefused):
        other.admit("sick.example")

    health.forget("Sick.example")

    clock.advance(SYNC_S)
    assert other.admit("sick.example").probe is None
    assert health.get("sick.example") is None


def test_people_are_told_once_of_a_quarantine(store, clock):
    told = []
    health = Health(store, clock=clock, rng=random.Random(3), tell=lambda *news: told.append(news))
    fail(health)
    until_due(health, clock)
    health.record("sick.example", "timeout", 1.0, admission=health.admit("sick.example"))

    [(kind, scope, text)] = told
    assert (kind, scope) == ("quarantined", "host:sick.example")
    assert "2026-11-21 10:0" in text


def test_refusals_are_counted_by_who_wants_to(store, clock):
    noted = []
    health = Health(
        store,
        clock=clock,
        rng=random.Random(3),
        noted=lambda refused, at_s: noted.append((refused.reason, at_s)),
    )
    fail(health)

    for ask in (health.admit, health.check):
        with pytest.raises(HealthRefused):
            ask("sick.example")

    assert noted == [("health", clock.epoch_s())] * 2


def test_failures_that_several_processes_saw_add_up(health, store, clock):
    other = another(store, clock)
    for _ in range(3):
        health.record("sick.example", "5xx")
        clock.advance(SYNC_S)
        other.record("sick.example", "5xx")
        clock.advance(SYNC_S)

    for process in (health, other):
        with pytest.raises(HealthRefused):
            process.admit("sick.example")


def test_another_process_learns_of_a_quarantine_and_of_its_end_within_a_second(
    health, store, clock
):
    other = another(store, clock)
    other.admit("sick.example")
    fail(health)
    clock.advance(SYNC_S)
    with pytest.raises(HealthRefused):
        other.admit("sick.example")
    until_due(health, clock)
    health.record("sick.example", None, 0.1, admission=health.admit("sick.example"))

    clock.advance(SYNC_S)

    assert other.admit("sick.example").probe is None


def test_what_was_seen_before_a_quarantine_does_not_count_after_it(health, store, clock):
    other = another(store, clock)
    other.admit("sick.example")
    fail(other, times=4)  # not merged yet
    fail(health)
    until_due(health, clock)
    health.record("sick.example", None, 0.1, admission=health.admit("sick.example"))

    other.flush()
    other.record("sick.example", "timeout", 1.0)

    assert other.get("sick.example").consecutive_failures == 1


def test_the_store_is_asked_at_most_once_a_second_for_a_host(health, store, clock):
    for _ in range(1000):
        health.record("a.example", None, 0.1, admission=health.admit("a.example"))
    in_one_second = store.asked
    for _ in range(10):
        clock.advance(SYNC_S / 10)
        health.record("a.example", None, 0.1, admission=health.admit("a.example"))

    assert in_one_second == 1
    assert store.asked <= 3


def test_a_quarantined_host_costs_the_store_one_question_a_second(health, store):
    fail(health)
    asked = store.asked

    for _ in range(1000):
        with pytest.raises(HealthRefused):
            health.admit("sick.example")

    assert store.asked == asked


def test_nothing_that_was_counted_is_lost(health, store, clock):
    for _ in range(40):
        health.record("a.example", None, 0.1)
    health.flush()

    assert another(store, clock).get("a.example").calls == pytest.approx(
        sum(0.98**age for age in range(40))
    )


def test_while_the_store_is_away_a_process_goes_by_what_it_sees(health, store, clock):
    store.away = True
    fail(health)

    until_due(health, clock)
    probe = health.admit("sick.example")
    with pytest.raises(HealthRefused):
        health.admit("sick.example")
    health.record("sick.example", None, 0.1, admission=probe)

    assert health.admit("sick.example").probe is None
    assert health.store_failures > 0


def test_memory_is_bounded_and_a_sick_host_is_not_forgotten(store, clock):
    health = another(store, clock, most_hosts=100)
    fail(health)
    for number in range(1000):
        clock.advance(0.001)
        health.record(f"h{number}.example", None, 0.1)

    assert len(health._hosts) <= 100
    assert len(list(store.records("health"))) <= 101
    with pytest.raises(HealthRefused):
        health.admit("sick.example")


def test_hosts_that_nobody_calls_any_more_are_swept_away(health, store, clock):
    health.record("old.example", None, 0.1)
    fail(health, "dead.example")
    clock.advance(IDLE_S)
    health.record("new.example", None, 0.1)

    clock.advance(61)

    assert health.sweep() == 2
    assert [found.host for found in health.hosts()] == ["new.example"]


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"version":2}', '{"version":1,"latencies":{"99":1}}']
)
def test_a_record_that_nobody_can_read_stops_nothing(health, store, text):
    store.update("health", "a.example", lambda _: text)

    health.admit("a.example")
    health.record("a.example", None, 0.1)
    health.flush()

    assert health.get("a.example").calls == 1


def test_exactly_one_of_32_threads_is_the_probe(health, clock):
    fail(health)
    until_due(health, clock)
    start = threading.Barrier(32)
    admitted = []

    def ask():
        start.wait()
        try:
            admitted.append(health.admit("sick.example"))
        except HealthRefused:
            return

    threads = [threading.Thread(target=ask) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    [probe] = admitted
    assert probe.probe is not None


def test_a_host_that_is_new_to_a_process_is_looked_up_before_anybody_calls_it(health, store, clock):
    fail(health)
    other = another(store, clock)
    start = threading.Barrier(16)
    admitted = []

    def ask():
        start.wait()
        try:
            admitted.append(other.admit("sick.example"))
        except HealthRefused:
            return

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert admitted == []


def test_threads_that_record_at_once_lose_nothing(health):
    def record():
        for _ in range(200):
            health.record("a.example", None, 0.1)

    threads = [threading.Thread(target=record) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    health.flush()

    assert health._hosts["a.example"].record.evidence.calls == 1600
