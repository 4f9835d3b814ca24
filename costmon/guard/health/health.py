"""Which hosts may be called: every process counts its calls, and merges with other processes.

Results of calls are counted in memory and merged into the store's record of the host in one atomic
step, at most once a second for each host, and at once when a quarantine opens or ends. So processes
see each other's failures within a second of their next call, and concurrent writes lose no calls.
While the store is unavailable, a process uses its own results only; `store_failures` counts how
often that happened.
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
"""Hosts that a process keeps; beyond that, the least recently called are dropped."""

IDLE_S = 86_400.0
"""`sweep` removes records of hosts that were not called for this time."""

_EVICTED = 64


class Health:
    """Counts results of calls to hosts, and refuses calls to hosts in quarantine.

    Safe in threads, in processes that share a store, and after a fork.

    Args:
        store: The store of the hosts' records.
        clock: Its wall clock must be close to that of the other processes.
        rng: Makes jitter.
        rules: The thresholds that hosts are judged by.
        tell: Receives a notice when a host is put into quarantine.
        noted: Counts a refusal at a time, seconds since 1970.
        most_hosts: How many hosts this process keeps.
        enabled: Whether results are counted and hosts are put into quarantine.

    Attributes:
        rules: The thresholds that hosts are judged by.
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
        enabled: bool = True,
    ) -> None:
        self.rules = rules
        self._enabled = enabled
        self._store = HealthStore(store, clock=clock, rng=rng, rules=rules, tell=tell)
        self._clock = clock
        self._noted = noted
        self._most_hosts = most_hosts
        self._hosts: dict[str, CalledHost] = {}
        self._adding = threading.RLock()
        self._pid = os.getpid()

    @property
    def store_failures(self) -> int:
        """Return how often the store could not be used."""
        return self._store.failures

    def admit(self, host: str) -> Admission:
        """Allow a call to a host; to a host in quarantine only a probe, when it is due.

        Raises:
            HealthRefused: The host is in quarantine.
            ScopeError: It is not a valid host.
        """
        called = self._called(host)
        if not self._enabled:
            return Admission(called.host, None)
        called.refresh()
        try:
            return called.admit()
        except HealthRefused as refused:
            self._note(refused)
            raise

    def check(self, host: str) -> None:
        """Raise what `admit` would, without taking the probe.

        Raises:
            HealthRefused: The host is in quarantine, and its probe is not due or is in flight.
            ScopeError: It is not a valid host.
        """
        called = self._called(host)
        if not self._enabled:
            return
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
        """Record the result of a call.

        Args:
            host: The host that was called.
            failure: Kind of failure; `None`: the host answered, even if with a 404. A rate limit
                (`429`) is an answer, too: the host works, and says when to come back.
            latency_s: From sending to the response's first byte, or the duration of the call;
                `None` if unknown. Of failures, only that of a timeout counts.
            admission: The result of `admit`. Without it, while a probe of this process is in
                flight, the call counts as the probe.

        Raises:
            InputError: `latency_s` is negative or not finite.
            ScopeError: `host` is not a valid host.
        """
        called = self._called(host)
        if not self._enabled:
            return
        timed = latency_s if failure is None or failure == "timeout" else None
        ok = failure is None or failure == "429"
        call = of_call(ok=ok, latency_s=timed, at_s=self._clock.epoch_s())
        token = called.probe if admission is None else admission.probe
        if token is None:
            called.add(call)
        else:
            called.end_probe(token, call)

    def withdraw(self, admission: Admission) -> None:
        """Report that an admitted call was not made, or had no result; another may be the probe."""
        if admission.probe is not None:
            self._called(admission.host).end_probe(admission.probe, None)

    def get(self, host: str) -> HostHealth | None:
        """Return a host's health from all processes; `None` if it was never called.

        Reads the store each time.

        Raises:
            ScopeError: It is not a valid host.
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
        """Return whether a host is not known to be unhealthy; reads the store each time.

        Raises:
            ScopeError: It is not a valid host.
        """
        health = self.get(host)
        return health is None or health.healthy

    def hosts(self) -> list[HostHealth]:
        """Return the health of every known host, by name.

        Raises:
            GuardStoreError: The store cannot be read.
        """
        self.flush()
        now_s = self._clock.epoch_s()
        return [
            host_health(host, record, now_s, self.rules) for host, record in self._store.records()
        ]

    def unhealthy(self) -> list[HostHealth]:
        """Return all hosts that are unhealthy or in quarantine, worst first, without limit.

        Raises:
            GuardStoreError: The store cannot be read.
        """
        return sorted(
            (health for health in self.hosts() if not health.healthy),
            key=lambda health: (health.score, health.host),
        )

    def forget(self, host: str) -> None:
        """Reset a host to one that was never called, in all processes.

        Raises:
            ScopeError: It is not a valid host.
            GuardStoreError: The store cannot be written.
        """
        host = host_of(host)
        self._hosts.pop(host, None)
        self._store.remove(host, lambda _: True)

    def flush(self) -> None:
        """Merge all counts into the store."""
        for called in list(self._hosts.values()):
            if called.unsynced:
                called.sync()

    def sweep(self) -> int:
        """Remove the records of hosts that were not called for a day; return how many.

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
        """Return a host by its name, in any spelling."""
        if os.getpid() != self._pid:  # the parent process merges its own counts
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
        """Drop the least recently called hosts, and the store's records of the healthy ones.

        Records of unhealthy hosts stay in the store, and are read again when needed.
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
