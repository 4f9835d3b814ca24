"""The calculator: fold, tell, publish; a crash changes nothing."""

import dataclasses
from decimal import Decimal

import pytest

from costmon.actors.child import ChildSpec
from costmon.actors.roles.calculator import Calculator
from costmon.domain.resource import KindFailure
from costmon.domain.usage import Quantity, UsageReading
from costmon.messages import (
    ChargesCompleted,
    ChargesFetched,
    CostsCalculated,
    Fetched,
    PollFailed,
    UsageCalculated,
)
from costmon.state import fold
from costmon.state.published import PublishedSnapshot
from costmon.testing import samples
from costmon.testing.clock import START
from tests.roles.tree import SOON, Ear, running
from tests.roles.values import ACCOUNT, after, droplet, fetched, poll_failed
from tests.store import charges


class FragileCell(PublishedSnapshot):
    """Kills the calculator at its first publication, after everybody was told."""

    def __init__(self):
        super().__init__()
        self.fragile = False

    def publish(self, snapshot):
        if self.fragile:
            self.fragile = False
            raise RuntimeError("a crash before the swap")
        return super().publish(snapshot)


@pytest.fixture
def cell():
    cell = FragileCell()
    cell.publish(fold.first(((ACCOUNT, "digitalocean"),), {}, now=START, demo=False))
    return cell


def play(cell, *messages, wait_persister=None):
    persister, alerter = Ear(), Ear()
    spec = ChildSpec(
        name="calculator",
        build=lambda incarnation: Calculator(
            incarnation,
            cell,
            prepare=lambda _snapshot: None,
            persister=incarnation.addresses["persister"],
            alerter=incarnation.addresses["alerter"],
        ),
        core=True,
        policy=SOON,
    )
    with running([persister.spec("persister"), alerter.spec("alerter"), spec]) as system:
        for message in messages:
            system.addresses["calculator"].tell(message)
        persister.wait_for(wait_persister or len(messages))
    return persister.heard, alerter.heard


def test_a_fetched_inventory_is_published_and_told(cell):
    persister, alerter = play(cell, fetched("c1", droplet("web-1", "12"), droplet("db-1", "96")))

    snapshot = cell.read()
    assert snapshot.totals.monthly == 108
    assert persister == alerter
    assert persister[0].observation.totals == snapshot.totals
    assert persister[0].snapshot == snapshot


def test_changes_are_those_of_this_cycle_only(cell):
    _, alerter = play(
        cell,
        fetched("c1", droplet("web-1")),
        fetched("c2", droplet("web-1"), droplet("web-2"), minutes=5),
        fetched("c3", droplet("web-1"), droplet("web-2"), minutes=10),
    )

    assert alerter[0].changes == ()
    assert len(alerter[1].changes) == 1
    assert "web-2" in alerter[1].changes[0]
    assert alerter[2].changes == ()


def test_a_failed_poll_keeps_the_last_good_costs_and_goes_on_to_history_and_alerter(cell):
    persister, alerter = play(cell, fetched("c1", droplet("web-1", "12")), poll_failed("c2"))

    snapshot = cell.read()
    assert snapshot.totals.monthly == 12
    assert snapshot.accounts[0].failure.reason == "server"
    assert isinstance(persister[1], CostsCalculated)
    assert persister[1].observation.inventory is None
    assert persister[1].observation.failure is not None
    assert isinstance(alerter[1], PollFailed)


def test_a_crash_before_the_swap_repeats_the_cycle_with_the_same_id_and_the_same_changes(cell):
    play(cell, fetched("c1", droplet("web-1")))
    cell.fragile = True

    persister, _ = play(
        cell, fetched("c2", droplet("web-1"), droplet("web-2"), minutes=5), wait_persister=2
    )

    assert {message.observation.report.cycle_id for message in persister} == {"c2"}
    assert persister[0].observation == persister[1].observation
    assert persister[0].changes == persister[1].changes
    assert cell.read().accounts[0].counts.cycles == 2


def test_the_same_cycle_twice_is_counted_once(cell):
    play(cell, fetched("c1", droplet("web-1")), fetched("c1", droplet("web-1")))

    assert cell.read().accounts[0].counts.cycles == 1


READ = samples.report("r1", reading="charges")


def play_charges(cell, *messages, wait_persister):
    start = fold.Start(name=ACCOUNT, provider="digitalocean", intervals=samples.ALL_READINGS)
    blank = fold.first([start], {}, now=START, demo=False)
    cell.publish(dataclasses.replace(blank, sequence=cell.read().sequence + 1))
    return play(cell, *messages, wait_persister=wait_persister)


def test_windows_go_on_to_the_ledger_and_their_end_makes_the_reading_fresh(cell):
    window = charges.window(account=ACCOUNT, provider="digitalocean")
    end = ChargesCompleted(report=READ, windows=1, complete_through=START, gaps=())

    persister, alerter = play_charges(
        cell, Fetched(report=READ, reading=window), end, wait_persister=2
    )

    assert persister == [ChargesFetched(report=READ, window=window), end]
    assert alerter == [end]
    reading = cell.read().accounts[0].readings["charges"]
    assert (reading.complete_through, reading.counts.cycles) == (START, 1)


def test_charges_that_fail_leave_no_row_among_the_inventories(cell):
    failed = PollFailed(report=READ, failure=samples.failure())

    persister, alerter = play_charges(
        cell, failed, fetched("c1", droplet("web-1")), wait_persister=1
    )

    assert [type(message) for message in persister] == [CostsCalculated]
    assert alerter[0] == failed
    assert cell.read().accounts[0].readings["charges"].failure is not None


def test_what_is_only_kept_of_a_failed_kind_goes_on_as_known(cell):
    database = samples.resource("d", kind="database")
    failed = KindFailure(kind="database", reason="server", message="500")
    good, bad = (
        Fetched(
            report=samples.report(cycle, started_at=after(minutes)),
            reading=samples.inventory(held, observed_at=after(minutes), failed=failing),
        )
        for cycle, minutes, held, failing in (
            ("c1", 0, [database], ()),
            ("c2", 5, [], (failed,)),
        )
    )

    persister, _ = play(cell, good, bad)

    assert persister[1].observation.inventory.resources == (database,)
    assert persister[1].changes == ()


def test_a_frozen_usage_is_not_recorded_as_read(cell):
    def used(cycle, amount, minutes):
        quantity = Quantity(
            quota="requests",
            unit="Requests",
            used=Decimal(amount),
            start=START,
            end=after(minutes + 1),
            resets_at=None,
            limit=None,
            estimated=False,
            project=None,
        )
        usage = UsageReading(
            account=ACCOUNT,
            provider="digitalocean",
            observed_at=after(minutes),
            quantities=(quantity,),
            complete_through=None,
            gaps=(),
        )
        report = samples.report(cycle, reading="usage", started_at=after(minutes))
        return Fetched(report=report, reading=usage)

    persister, alerter = play_charges(
        cell, used("u1", "5", 0), used("u2", "0", 60), used("u3", "6", 120), wait_persister=2
    )

    assert [message.report.cycle_id for message in persister] == ["u1", "u3"]
    assert [type(message) for message in alerter] == [UsageCalculated, PollFailed, UsageCalculated]
    assert alerter[1].failure.reason == "frozen"
