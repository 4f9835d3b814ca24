"""One host as this process knows it, and how that is merged with other processes."""

import os
import threading
from typing import NamedTuple

from costmon.guard.health.evidence import NOTHING, Evidence
from costmon.guard.health.record import UNKNOWN, HealthRecord
from costmon.guard.health.store import HealthStore

SYNC_S = 1.0
"""A host's record is read or written at most once in this time, except for changes of state."""

_NEVER = float("-inf")


class Admission(NamedTuple):
    """An allowed call; pass it to `Health.record` when it ended, or to `withdraw`.

    Attributes:
        host: The host.
        probe: The token of a quarantined host's one probe; `None` for any other call.
    """

    host: str
    probe: str | None


class CalledHost:
    """The record as last seen, and the calls since.

    Attributes:
        host: In canonical form.
        used_s: When it was last used, monotonic seconds.
        record: As last seen in the store.
        probe: The token of this process's probe, while it is in flight.
    """

    __slots__ = (
        "_admission",
        "_lock",
        "_pending",
        "_sent",
        "_store",
        "_synced_s",
        "_syncing",
        "host",
        "probe",
        "record",
        "used_s",
    )

    def __init__(self, host: str, store: HealthStore) -> None:
        self.host = host
        self.used_s = 0.0
        self.record = UNKNOWN
        self.probe: str | None = None
        self._store = store
        self._admission = Admission(host, None)
        self._pending = NOTHING  # not yet sent to the store
        self._sent = NOTHING  # being sent to it
        self._synced_s = _NEVER
        # `_syncing` is held while the store is asked, `_lock` only to change fields. A finalizer
        # may record a call at any point, also in the thread that holds them.
        self._lock = threading.RLock()
        self._syncing = threading.RLock()

    @property
    def unsynced(self) -> bool:
        """Return whether there are calls that the store does not know."""
        return self._pending.calls > 0

    def refresh(self) -> None:
        """Merge with the store unless that was done in the last second, or is in progress.

        The first time, it waits for the merge: the host may be in quarantine.
        """
        if not self._due():
            return
        if self._syncing.acquire(blocking=self._synced_s == _NEVER):
            try:
                if self._due():
                    self._merge()
            finally:
                self._syncing.release()

    def sync(self) -> None:
        """Merge with the store."""
        with self._syncing:
            self._merge()

    def admit(self) -> Admission:
        """Allow a call; for a host in quarantine only one, the probe, when it is due.

        Raises:
            HealthRefused: It is in quarantine.
        """
        if not self.record.quarantine.openings:
            return self._admission
        rules, now_s = self._store.rules, self._store.clock.epoch_s()
        if self.record.quarantine.wait_s(now_s, rules) > 0:
            raise self._store.refusal(self.host, self.record, now_s)
        with self._syncing:
            # Of the threads that waited here, all but the first see its probe and skip the store.
            if self.record.quarantine.wait_s(now_s, rules) <= 0:
                token = os.urandom(8).hex()
                self._adopt(
                    self._store.change(
                        self.host,
                        self.record,
                        lambda record: record._replace(
                            quarantine=record.quarantine.probed(token, now_s, rules)
                        ),
                    )
                )
                if self.record.quarantine.probe == token:
                    self.probe = token
                    return Admission(self.host, token)
            record = self.record
        if not record.quarantine.openings:
            return self._admission
        raise self._store.refusal(self.host, record, now_s)

    def add(self, call: Evidence) -> None:
        """Count a call that was not a probe."""
        with self._lock:
            if self.record.quarantine.openings:
                return  # it was in flight when the quarantine opened
            self._pending = self._pending.plus(call)
            condemned = False
            if call.failures:
                seen = self.record.evidence.plus(self._sent).plus(self._pending)
                condemned = self._store.rules.condemn(seen.aged(call.at_s))
        if condemned:
            self.sync()
        else:
            self.refresh()

    def end_probe(self, token: str, call: Evidence | None) -> None:
        """Apply a probe's result; `None`: it was not made, or had no result."""
        with self._syncing:
            if self.probe == token:
                self.probe = None
            rules, chance = self._store.rules, self._store.rng.random()
            self._adopt(
                self._store.change(
                    self.host,
                    self.record,
                    lambda record: (
                        record._replace(quarantine=record.quarantine.withdrawn(token))
                        if call is None
                        else record.after_probe(
                            token, call, now_s=call.at_s, rules=rules, chance=chance
                        )
                    ),
                )
            )

    def _due(self) -> bool:
        return self._store.clock.monotonic_s() - self._synced_s >= SYNC_S

    def _merge(self) -> None:
        """Send the counts to the store and take its record; `_syncing` is held."""
        store = self._store
        with self._lock:
            sent, era = self._pending, self.record.era
            self._pending, self._sent = NOTHING, sent
        if not sent.calls:
            self._adopt(store.read(self.host, self.record))
            return
        now_s, chance = store.clock.epoch_s(), store.rng.random()
        self._adopt(
            store.change(
                self.host,
                self.record,
                lambda record: record.plus(
                    sent, era=era, now_s=now_s, rules=store.rules, chance=chance
                ),
            )
        )

    def _adopt(self, record: HealthRecord) -> None:
        """Use a record, which contains what was sent."""
        with self._lock:
            if record.era != self.record.era:
                self._pending = NOTHING  # it was seen in an earlier era
            self.record = record
            self._sent = NOTHING
        self._synced_s = self._store.clock.monotonic_s()
