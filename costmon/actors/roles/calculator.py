"""Fold what the pollers read into the current costs, and publish them.

The published snapshot is all the state there is: a new incarnation resumes from it, and folding the
same cycle twice changes nothing.
"""

from collections.abc import Callable
from typing import assert_never

from costmon.actors.address import Address
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.domain.charge import ChargeWindow
from costmon.domain.poll import Observation, PollReport
from costmon.domain.resource import Inventory
from costmon.domain.usage import UsageReading
from costmon.messages import (
    CalculatorMessage,
    ChargesCompleted,
    ChargesFetched,
    CostsCalculated,
    Fetched,
    PollFailed,
    UsageCalculated,
)
from costmon.state import fold
from costmon.state.published import PublishedSnapshot
from costmon.state.value import AccountState, Snapshot


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
        """Fold, tell history and the alerter, publish; charges are handed on as they are."""
        before, now = self._current(), self.clock.now()
        report = message.report
        match message:
            case Fetched(reading=reading):
                if isinstance(reading, ChargeWindow):
                    self.tell(self._persister, ChargesFetched(report=report, window=reading))
                    return
                if isinstance(reading, Inventory):
                    after = fold.fetched(before, report, reading, now)
                    self._tell_costs(report, after)
                else:
                    after = fold.used(before, report, reading, now)
                    self._tell_usage(report, reading, after)
            case ChargesCompleted(complete_through=complete_through, gaps=gaps):
                after = fold.charged(
                    before, report, complete_through=complete_through, gaps=gaps, now=now
                )
                self.tell(self._persister, message)
                self.tell(self._alerter, message)
            case PollFailed(failure=failure):
                after = fold.failed(before, report, failure, now)
                if report.reading == "inventory":
                    observation = Observation(
                        report=report, inventory=None, failure=failure, totals=after.totals
                    )
                    calculated = CostsCalculated(
                        observation=observation, snapshot=after, changes=()
                    )
                    self.tell(self._persister, calculated)
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
            reading=report.reading,
            cycle_id=report.cycle_id,
            monthly_usd=None if after.totals is None else f"{after.totals.monthly:.2f}",
            sequence=after.sequence,
        )

    def _tell_costs(self, report: PollReport, after: Snapshot) -> None:
        """Tell what the account holds now, kinds included that are only kept from before."""
        account = _account(after, report)
        inventory = account.inventory
        if inventory is None or account.readings["inventory"].last_cycle_id != report.cycle_id:
            return  # an older cycle that was delivered again
        observation = Observation(
            report=report, inventory=inventory, failure=None, totals=after.totals
        )
        changes = account.changes if account.changed_at == inventory.observed_at else ()
        calculated = CostsCalculated(observation=observation, snapshot=after, changes=changes)
        self.tell(self._persister, calculated)
        self.tell(self._alerter, calculated)

    def _tell_usage(self, report: PollReport, usage: UsageReading, after: Snapshot) -> None:
        failure = _account(after, report).readings["usage"].failure
        if failure is not None:
            self.tell(self._alerter, PollFailed(report=report, failure=failure))
            return
        calculated = UsageCalculated(report=report, usage=usage)
        self.tell(self._persister, calculated)
        self.tell(self._alerter, calculated)

    def _current(self) -> Snapshot:
        snapshot = self._cell.latest()
        if snapshot is None:
            msg = "the snapshot's cell is empty: bootstrap publishes the first one"
            raise RuntimeError(msg)
        return snapshot


def _account(snapshot: Snapshot, report: PollReport) -> AccountState:
    return next(account for account in snapshot.accounts if account.name == report.account)
