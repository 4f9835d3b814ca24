"""Fold what the pollers saw into the current costs, and publish them.

The published snapshot is all the state there is: a new incarnation resumes from it, and folding the
same cycle twice changes nothing.
"""

from collections.abc import Callable
from typing import assert_never

from costmon.actors.address import Address
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.domain.poll import Observation
from costmon.domain.resource import Inventory
from costmon.messages import CalculatorMessage, CostsCalculated, Fetched, PollFailed
from costmon.state import fold
from costmon.state.published import PublishedSnapshot
from costmon.state.value import Snapshot


class Calculator(SupervisedActor[CalculatorMessage]):
    """Turns observations into current costs.

    Args:
        incarnation: What every actor is given.
        cell: Where they are published.
        prepare: Makes what readers are answered, before they see the snapshot.
        persister: Is told what history keeps.
        alerter: Is told what people may have to know.
    """

    def __init__(
        self,
        incarnation: Incarnation,
        cell: PublishedSnapshot,
        *,
        prepare: Callable[[Snapshot], None],
        persister: Address,
        alerter: Address,
    ) -> None:
        super().__init__(incarnation)
        self._cell = cell
        self._prepare = prepare
        self._persister = persister
        self._alerter = alerter

    def handle(self, message: CalculatorMessage) -> None:
        """Fold, tell history and the alerter, publish."""
        before = self._current()
        match message:
            case Fetched(report=report, inventory=inventory):
                after = fold.fetched(before, report, inventory, self.clock.now())
                observation = Observation(
                    report=report, inventory=inventory, failure=None, totals=after.totals
                )
                calculated = CostsCalculated(
                    observation=observation, snapshot=after, changes=_changes(after, inventory)
                )
                self.tell(self._persister, calculated)
                self.tell(self._alerter, calculated)
            case PollFailed(report=report, failure=failure):
                after = fold.failed(before, report, failure, self.clock.now())
                observation = Observation(
                    report=report, inventory=None, failure=failure, totals=after.totals
                )
                self.tell(
                    self._persister,
                    CostsCalculated(observation=observation, snapshot=after, changes=()),
                )
                self.tell(self._alerter, message)
            case _:
                assert_never(message)
        self._prepare(after)
        # Published last: a crash before this line is a redelivery that finds the old snapshot and
        # comes to the same changes; history and the alerter know the cycle by its id.
        self.fenced(lambda: self._cell.publish(after))
        self.log.info(
            "calculator.costs_published",
            account=report.account,
            cycle_id=report.cycle_id,
            monthly_usd=None if after.totals is None else f"{after.totals.monthly:.2f}",
            sequence=after.sequence,
        )

    def _current(self) -> Snapshot:
        snapshot = self._cell.latest()
        if snapshot is None:
            msg = "the snapshot's cell is empty: bootstrap publishes the first one"
            raise RuntimeError(msg)
        return snapshot


def _changes(snapshot: Snapshot, inventory: Inventory) -> tuple[str, ...]:
    """Return what this very cycle changed in its account, in words."""
    for account in snapshot.accounts:
        if account.inventory is inventory and account.changed_at == inventory.observed_at:
            return account.changes
    return ()
