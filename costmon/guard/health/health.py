"""Which hosts may be called: every process keeps its own count, and merges it with the others'.

How calls end is added up in memory and merged into the store's record of the host in one atomic
step, at most once a second for a host, and at once when a quarantine opens or ends. So processes
learn of each other's failures within a second of their next call, and no call that is counted is
lost by two of them writing at a time. While the store cannot be used, a process goes by what it
sees itself; how often that happened is counted in `store_failures`.
"""

import os
import threading
from collections.abc import Callable
from heapq import nsmallest
from typing import TYPE_CHECKING

from costmon.clock import EpochClock
from costmon.domain.scope import host_of
from costmon.guard.errors import CallRefused, GuardStoreError, HealthRefused
from costmon.guard.health.called_host import Admission, CalledHost
from costmon.guard.health.evidence import of_call
from costmon.guard.health.failures import FailureClass
from costmon.guard.health.host_health import HostHealth, host_health
from costmon.guard.health.record import UNKNOWN, HealthRecord
from costmon.guard.health.rules import USUAL, HealthRules
from costmon.guard.health.store import HealthStore, Tell
from costmon.guard.stores.base import Store

if TYPE_CHECKING:
    from random import Random

MOST_HOSTS = 4096
"""Hosts that a process remembers; of more, those it has not called for longest are dropped."""

IDLE_S = 86_400.0
"""Records of hosts that nobody has called for so long are removed by `sweep`."""

_EVICTED = 64


class Health:
    """Counts how calls to hosts end, and refuses those to hosts in quarantine.

    Safe in threads, in processes that share a store, and after a fork.

    Args:
        store: Where the hosts' records are.
        clock: Tells the time; its wall clock must be about that of the other processes.
        rng: Makes jitter.
        rules: By which figures hosts are judged.
        tell: Takes the news that a host was put into quarantine.
        noted: Counts a refusal, made at a second since 1970.
        most_hosts: How many hosts this process remembers.

    Attributes:
        rules: By which figures hosts are judged.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: EpochClock,
        rng: "Random",
        rules: HealthRules = USUAL,
        tell: Tell | None = None,
        noted: Callable[[CallRefused, float], object] | None = None,
        most_hosts: int = MOST_HOSTS,
    ) -> None:
        self.rules = rules
        self._store = HealthStore(store, clock=clock, rng=rng, rules=rules, tell=tell)
        self._clock = clock
        self._noted = noted
        self._most_hosts = most_hosts
        self._hosts: dict[str, CalledHost] = {}
        self._adding = threading.RLock()
        self._pid = os.getpid()

    @property
    def store_failures(self) -> int:
        """Return how often the store could not be asked."""
        return self._store.failures

    def admit(self, host: str) -> Admission:
        """Let a call to a host through, or not; of a host in quarantine, one probe when it is time.

        Raises:
            HealthRefused: The host is in quarantine.
            ScopeError: It is no host.
        """
        called = self._called(host)
        called.refresh()
        try:
            return called.admit()
        except HealthRefused as refused:
            self._note(refused)
            raise

    def check(self, host: str) -> None:
        """Raise what `admit` would, without taking the probe.

        Raises:
            HealthRefused: The host is in quarantine, and its probe is not due or is out.
            ScopeError: It is no host.
        """
        called = self._called(host)
        called.refresh()
        now_s = self._clock.epoch_s()
        if called.record.quarantine.wait_s(now_s, self.rules) > 0:
            refused = self._store.refusal(called.host, called.record, now_s)
            self._note(refused)
            raise refused

    def record(
        self,
        host: str,
        failure: FailureClass | None = None,
        latency_s: float | None = None,
        *,
        admission: Admission | None = None,
    ) -> None:
        """Count how a call ended.

        Args:
            host: Whom it was to.
            failure: What kind of failure it was; `None`: the host answered, be it with a 404.
            latency_s: From sending to the answer's first byte, or as long as the call took; `None`
                when unknown. Of failures only that of a timeout counts.
            admission: What `admit` returned. Without it, while a probe of this process is out, the
                call is taken for the probe.

        Raises:
            InputError: `latency_s` is no latency.
            ScopeError: `host` is no host.
        """
        called = self._called(host)
        timed = latency_s if failure is None or failure == "timeout" else None
        call = of_call(ok=failure is None, latency_s=timed, at_s=self._clock.epoch_s())
        token = called.probe if admission is None else admission.probe
        if token is None:
            called.add(call)
        else:
            called.end_probe(token, call)

    def withdraw(self, admission: Admission) -> None:
        """Say that an admitted call was not made, or told nothing; another may be the probe."""
        if admission.probe is not None:
            self._called(admission.host).end_probe(admission.probe, None)

    def get(self, host: str) -> HostHealth | None:
        """Return how a host does, as far as all processes know; `None` when nobody has called it.

        Asks the store each time.

        Raises:
            ScopeError: It is no host.
        """
        host = host_of(host)
        called = self._hosts.get(host)
        if called is None:
            record = self._store.read(host, UNKNOWN)
        else:
            called.sync()
            record = called.record
        if record == UNKNOWN:
            return None
        return host_health(host, record, self._clock.epoch_s(), self.rules)

    def is_healthy(self, host: str) -> bool:
        """Tell whether a host is not known to be unhealthy; asks the store each time.

        Raises:
            ScopeError: It is no host.
        """
        health = self.get(host)
        return health is None or health.healthy

    def hosts(self) -> list[HostHealth]:
        """Return how every known host does, by name.

        Raises:
            GuardStoreError: The store cannot be read.
        """
        self.flush()
        now_s = self._clock.epoch_s()
        return [
            host_health(host, record, now_s, self.rules) for host, record in self._store.records()
        ]

    def unhealthy(self) -> list[HostHealth]:
        """Return every unhealthy or quarantined host, worst first; there is no cap.

        Raises:
            GuardStoreError: The store cannot be read.
        """
        return sorted(
            (health for health in self.hosts() if not health.healthy),
            key=lambda health: (health.score, health.host),
        )

    def forget(self, host: str) -> None:
        """Take a host for one that nobody has ever called, in all processes.

        Raises:
            ScopeError: It is no host.
            GuardStoreError: The store cannot be written.
        """
        host = host_of(host)
        self._hosts.pop(host, None)
        self._store.remove(host, lambda _: True)

    def flush(self) -> None:
        """Merge everything that was counted into the store."""
        for called in list(self._hosts.values()):
            if called.unsynced:
                called.sync()

    def sweep(self) -> int:
        """Remove the records of hosts that nobody has called for a day; return how many.

        Raises:
            GuardStoreError: The store cannot be read or written.
        """
        self.flush()
        before_s = self._clock.epoch_s() - IDLE_S

        def idle(record: HealthRecord) -> bool:
            return record.used_s < before_s

        idle_hosts = [host for host, record in self._store.records() if idle(record)]
        return sum(self._store.remove(host, idle) for host in idle_hosts)

    def _note(self, refused: HealthRefused) -> None:
        if self._noted is not None:
            self._noted(refused, self._clock.epoch_s())

    def _called(self, host: str) -> CalledHost:
        """Return what is known of a host, in whatever spelling."""
        if os.getpid() != self._pid:  # what the parent has counted it merges itself
            self._hosts, self._adding, self._pid = {}, threading.RLock(), os.getpid()
        called = self._hosts.get(host)
        if called is None:
            host = host_of(host)
            with self._adding:
                called = self._hosts.get(host)
                if called is None:
                    if len(self._hosts) >= self._most_hosts:
                        self._evict()
                    called = self._hosts[host] = CalledHost(host, self._store)
        called.used_s = self._clock.monotonic_s()
        return called

    def _evict(self) -> None:
        """Drop the hosts that were not called for longest; the store forgets the healthy of them.

        What it says of unhealthy ones stays there, and is found again.
        """
        now_s = self._clock.epoch_s()
        for called in nsmallest(_EVICTED, list(self._hosts.values()), key=lambda one: one.used_s):
            self._hosts.pop(called.host, None)
            called.sync()
            if host_health(called.host, called.record, now_s, self.rules).healthy:
                try:
                    self._store.remove(
                        called.host,
                        lambda record: host_health("", record, now_s, self.rules).healthy,
                    )
                except GuardStoreError:
                    self._store.failures += 1
