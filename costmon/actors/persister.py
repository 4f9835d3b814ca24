"""Write history: every cycle once, whatever happens to the database.

While the database cannot be written, cycles wait in a journal on disk, in order, and are written
when it returns. A cycle is in the database, in the journal or in this actor's mailbox, never
nowhere; writing one twice is one row.
"""

import datetime as dt
from collections.abc import Callable
from typing import Protocol, assert_never

from costmon.actors.base import Incarnation, SupervisedActor
from costmon.domain.poll import Observation
from costmon.errors import StoreError, StoreFencedError
from costmon.messages import CostsCalculated, PersisterMessage, Tick
from costmon.snapshot.cell import Cell

_RETRY, _PRUNE = "retry", "prune"
_RETRY_MIN_S, _RETRY_MAX_S = 1.0, 30.0
_PRUNE_EVERY_S = 6 * 3600.0
_PRUNE_FIRST_S = 60.0


class Writer(Protocol):
    """The right to write history, claimed for one incarnation."""

    def record(self, observation: Observation) -> bool:
        """Write one cycle in one transaction; `False` when it was there already."""
        ...

    def prune(self, now: dt.datetime) -> None:
        """Delete what is older than its retention."""
        ...


class Waiting(Protocol):
    """Where cycles wait for the database, first in first out, on disk."""

    def append(self, observation: Observation) -> None:
        """Keep one more."""
        ...

    def first(self) -> Observation | None:
        """Return the one that has waited longest."""
        ...

    def drop_first(self, cycle_id: str) -> None:
        """Forget the first if it is that cycle: it is written."""
        ...

    def __len__(self) -> int:
        """Return how many wait."""
        ...


class Persister(SupervisedActor[PersisterMessage]):
    """The only writer of history.

    Args:
        incarnation: Given by the supervisor.
        claim: Claims the right to write; a later claim revokes the earlier one. Raises
            `StoreError` when the database cannot be used.
        journal: Where cycles wait.
        fault: Where it is published why nothing can be written; `None` while all is well.
    """

    def __init__(
        self,
        incarnation: Incarnation,
        claim: Callable[[], Writer],
        journal: Waiting,
        fault: Cell[str | None],
    ) -> None:
        super().__init__(incarnation)
        self._claim = claim
        self._journal = journal
        self._fault = fault
        self._writer: Writer | None = None
        self._retry_s = _RETRY_MIN_S
        self._away_since_s: float | None = None

    def started(self) -> None:
        """Write at once what waited from before."""
        self.timer.after(_RETRY, 0.0)
        self.timer.every(_PRUNE, _PRUNE_EVERY_S, first_s=_PRUNE_FIRST_S)

    def handle(self, message: PersisterMessage) -> None:
        """Write a cycle, or try again, or prune."""
        match message:
            case CostsCalculated(observation=observation):
                self._keep(observation)
            case Tick(key=key) if key == _PRUNE:
                self._prune()
            case Tick():
                self._write_waiting()
            case _:
                assert_never(message)

    def _keep(self, observation: Observation) -> None:
        if self._away_since_s is None and not len(self._journal):
            try:
                self._record(observation)
            except StoreError as error:
                self._gone(error)
            else:
                return
        self._journal.append(observation)
        self.log.info(
            "persister.cycle_waits",
            cycle_id=observation.report.cycle_id,
            waiting=len(self._journal),
        )

    def _write_waiting(self) -> None:
        try:
            while (observation := self._journal.first()) is not None:
                self._record(observation)
                self._journal.drop_first(observation.report.cycle_id)
        except StoreError as error:
            self._gone(error)
            return
        self._back()

    def _record(self, observation: Observation) -> None:
        self.beat()
        if self._writer is None:
            self._writer = self._claim()
        try:
            written = self._writer.record(observation)
        except StoreFencedError:
            self.beat()  # a replaced incarnation ends here
            self.log.error(
                "persister.fence_lost", hint="does another costmon write to this database?"
            )
            self._writer = None
            raise
        self.log.info(
            "persister.cycle_written" if written else "persister.cycle_known",
            cycle_id=observation.report.cycle_id,
            resources=len(observation.inventory.resources) if observation.inventory else None,
        )

    def _gone(self, error: StoreError) -> None:
        now_s = self.clock.monotonic_s()
        self.fenced(lambda: self._fault.publish(str(error)))
        if self._away_since_s is None:
            self._away_since_s = now_s
            self._retry_s = _RETRY_MIN_S
            self.log.error("persister.database_lost", error=str(error))
        else:
            self._retry_s = min(self._retry_s * 2, _RETRY_MAX_S)
            self.log.warning(
                "persister.database_still_lost",
                error=str(error),
                away_s=round(now_s - self._away_since_s, 1),
                waiting=len(self._journal),
            )
        self.timer.after(_RETRY, self._retry_s)

    def _back(self) -> None:
        if self._away_since_s is not None:
            away_s = round(self.clock.monotonic_s() - self._away_since_s, 1)
            self.log.info("persister.database_returned", away_s=away_s)
            self._away_since_s = None
        # Also what an earlier incarnation published.
        self.fenced(lambda: self._fault.publish(None))

    def _prune(self) -> None:
        if self._writer is None or self._away_since_s is not None:
            return
        try:
            self._writer.prune(self.clock.now())
        except StoreError as error:
            self._gone(error)
