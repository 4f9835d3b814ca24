"""The persister: each cycle once, whatever the database does."""

import dataclasses
import datetime as dt
import threading
from collections import deque
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from costmon.actors.child import ChildSpec
from costmon.actors.roles.persister import Persister, PersisterPlan
from costmon.actors.waiting_charges import WaitingCharges
from costmon.domain.charge_report import ChargeOverview, ChargeTotal, RecordedCharges
from costmon.domain.finding import Series
from costmon.domain.poll import Observation
from costmon.domain.usage import Quantity, UsageReading
from costmon.errors import StoreError, StoreRefusedError, StoreUnavailableError
from costmon.messages import (
    BucketsClosed,
    ChargesCompleted,
    ChargesFetched,
    ChargesRecorded,
    CostsCalculated,
    ForecastMade,
    ReadAgain,
    Tick,
    UsageCalculated,
)
from costmon.state.charges import nothing_known
from costmon.state.guard_state import EMPTY
from costmon.state.published import Published, SharedPublished
from costmon.testing import samples
from costmon.testing.clock import START, FakeClock
from tests.meter.sample import row as metered_row
from tests.meter.sample import snapshot as metered_snapshot
from tests.roles.tree import NOBODY, PATIENCE_S, SOON, Ear, running
from tests.roles.values import ACCOUNT, FORECASTER, NO_CHANGES, calculated
from tests.store import charges


class Journal:
    """A journal in memory, with the contract of the real one."""

    def __init__(self):
        self.waiting: deque[Observation] = deque()
        self.lock = threading.Lock()

    def append(self, observation):
        with self.lock:
            self.waiting.append(observation)

    def first(self):
        with self.lock:
            return self.waiting[0] if self.waiting else None

    def drop_first(self, cycle_id):
        with self.lock:
            if self.waiting and self.waiting[0].report.cycle_id == cycle_id:
                self.waiting.popleft()

    def set_aside_first(self, cycle_id, reason):
        assert reason
        self.drop_first(cycle_id)

    def __len__(self):
        return len(self.waiting)


class Database:
    """Writes to memory, or is away, or kills the actor at a chosen point."""

    def __init__(self):
        self.rows = []
        self.away = False
        self.crash_before = set()
        self.crash_after = set()
        self.refused = set()
        self.unusable = {}
        self.pruned = []
        self.changed = threading.Condition()
        self.fault: Published[str | None] = Published(None)
        self.waiting = WaitingCharges(most_rows=20)
        self.readings: Published[Any] = Published({})
        self.published = Published(nothing_known(START, START.date()))
        self.windows = []
        self.stored = []
        self.rates = []
        self.looks: list[Any] = []
        self.days = []

    def claim(self):
        if self.away:
            raise StoreUnavailableError("the database is away")
        return self

    def record(self, observation):
        cycle_id = observation.report.cycle_id
        if self.away:
            raise StoreUnavailableError("the database is away")
        if cycle_id in self.crash_before:
            self.crash_before.discard(cycle_id)
            raise RuntimeError("before the commit")
        if cycle_id in self.unusable:
            raise self.unusable[cycle_id]
        with self.changed:
            known = cycle_id in self.rows
            if not known:
                self.rows.append(cycle_id)
            self.changed.notify_all()
        if cycle_id in self.crash_after:
            self.crash_after.discard(cycle_id)
            raise RuntimeError("after the commit")
        return not known

    def record_charges(self, window):
        if self.away:
            raise StoreUnavailableError("the database is away")
        if window.start in self.crash_before:
            self.crash_before.discard(window.start)
            raise RuntimeError("before the commit")
        if window.start in self.refused:
            raise StoreError("a day adds up to too much")
        with self.changed:
            self.windows.append((window.account, window.start, len(window.charges)))
            self.changed.notify_all()
        if window.start in self.crash_after:
            self.crash_after.discard(window.start)
            raise RuntimeError("after the commit")
        return RecordedCharges(
            account=window.account,
            provider=window.provider,
            added=len(window.charges),
            changed=0,
            vanished=0,
            unchanged=0,
            outdated=0,
            restatements=(),
        )

    def record_reading(self, stored, rates):
        if self.away:
            raise StoreUnavailableError("the database is away")
        with self.changed:
            self.stored.append(stored)
            self.rates.append(rates)
            self.changed.notify_all()

    def charges(self, today, restated_since):
        if self.away:
            raise StoreUnavailableError("the database is away")
        with self.changed:
            self.days.append(today)
            self.changed.notify_all()
        return ChargeOverview(
            today=today,
            by_service=(),
            by_project=(),
            by_day=(),
            by_month=(),
            last_days=(),
            restatements=(),
            freshness=(),
        )

    def metered(self):
        return self.looks[-1][1] if self.looks else None

    def record_metered(self, spent, saved):
        if saved.fed_until in self.crash_after:
            self.crash_after.discard(saved.fed_until)
            self.looks.append((spent, saved))
            raise RuntimeError("after the commit")
        self.looks.append((spent, saved))

    def prune(self, now):
        self.pruned.append(now)

    def wait_until(self, claim):
        until = threading.Event()
        for _ in range(2_000):
            if claim():
                return
            until.wait(0.005)
        raise AssertionError((self.windows, self.stored, len(self.waiting)))

    def wait_for(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.rows) >= count, PATIENCE_S), self.rows


def total(group):
    return ChargeTotal(
        group, ACCOUNT, "digitalocean", "USD", "billed", group, Decimal(1), Decimal(1), 1
    )


def usage_calculated(cycle_id, used=7, minutes=0, resets_at=None):
    usage = UsageReading(
        account=ACCOUNT,
        provider="digitalocean",
        observed_at=START + dt.timedelta(minutes=minutes),
        quantities=(
            Quantity(
                quota="requests",
                unit="Requests",
                used=Decimal(used),
                start=START,
                end=START,
                resets_at=resets_at,
                limit=None,
                estimated=False,
                project=None,
            ),
        ),
        complete_through=None,
        gaps=(),
    )
    return UsageCalculated(report=samples.report(cycle_id, reading="usage"), usage=usage)


def persister(
    database,
    journal,
    zone="UTC",
    accounts=(),
    removed=lambda _charges, _now: (),
    bucket_s=None,
    metered=lambda: None,
):
    plan = PersisterPlan(
        claim=database.claim,
        journal=journal,
        changes=NO_CHANGES,
        fault=database.fault,
        confirmed=Published({}),
        guard_state=SharedPublished(EMPTY),
        waiting_charges=database.waiting,
        readings=database.readings,
        charges=database.published,
        forecaster=FORECASTER,
        accounts=lambda: accounts,
        timezone=zone,
        removed=removed,
        bucket_s=bucket_s,
        metered=metered,
    )
    return ChildSpec(
        name="persister",
        build=lambda incarnation: Persister(
            incarnation,
            plan,
            alerter=incarnation.addresses.get("alerter", NOBODY),
            pollers={
                name.removeprefix("poller."): address
                for name, address in incarnation.addresses.items()
                if name.startswith("poller.")
            },
        ),
        core=True,
        policy=SOON,
    )


def test_cycles_are_written_in_order():
    database, journal = Database(), Journal()

    with running([persister(database, journal)]) as system:
        for number in range(5):
            system.addresses["persister"].tell(calculated(f"c{number}", minutes=number))
        database.wait_for(5)

    assert database.rows == ["c0", "c1", "c2", "c3", "c4"]
    assert len(journal) == 0


def test_a_crash_before_or_after_the_commit_loses_nothing_and_doubles_nothing():
    database, journal = Database(), Journal()
    database.crash_before = {"c1"}
    database.crash_after = {"c3"}

    with running([persister(database, journal)]) as system:
        for number in range(6):
            system.addresses["persister"].tell(calculated(f"c{number}", minutes=number))
        database.wait_for(6)

    assert database.rows == [f"c{number}" for number in range(6)]


def test_while_the_database_is_away_cycles_wait_in_order_and_are_written_when_it_returns():
    database, journal = Database(), Journal()
    database.away = True

    with running([persister(database, journal)]) as system:
        for number in range(3):
            system.addresses["persister"].tell(calculated(f"c{number}", minutes=number))
        until = threading.Event()
        while len(journal) < 3:
            assert not until.wait(0.005)
        assert database.rows == []
        assert database.fault.read() == "the database is away"
        database.away = False
        database.wait_for(3)

    assert database.fault.read() is None

    assert database.rows == ["c0", "c1", "c2"]


@pytest.mark.parametrize(
    "error", [StoreRefusedError("too large"), OverflowError("too large"), KeyError("kind")]
)
@pytest.mark.parametrize("waits", [False, True])
def test_an_observation_that_can_never_be_written_is_set_aside_and_the_others_are_written(
    error, waits
):
    database, journal = Database(), Journal()
    database.unusable = {"c2": error}
    cycles = [calculated(f"c{number}") for number in range(1, 4)]
    if waits:
        for message in cycles:
            journal.append(message.observation)

    with running([persister(database, journal), Ear().spec("alerter")]) as system:
        if not waits:
            tell_all(system, cycles)
        database.wait_for(2)
        database.wait_until(lambda: not len(journal))

        assert database.rows == ["c1", "c3"]
        assert {child.restarts for child in ask_children(system)} == {0}
        assert database.fault.read() is None


def test_a_clock_that_is_ahead_for_seconds_closes_no_bucket_and_deletes_nothing():
    database, alerter, clock = Database(), Ear(), FakeClock(START)
    parts = [persister(database, Journal(), bucket_s=300), alerter.spec("alerter")]

    def ticks(system, cycle_id):
        """Let both timers fire, and something be written after them."""
        for key in ("bucket", "prune"):
            system.addresses["persister"].tell(Tick(key=key))
        system.addresses["persister"].tell(calculated(cycle_id))
        database.wait_until(lambda: cycle_id in database.rows)

    with running(parts, clock=clock) as system:
        alerter.wait_for(1)
        clock.step(3 * 86_400)
        ticks(system, "ahead")
        clock.advance(3)
        clock.step(-3 * 86_400)
        ticks(system, "back")
        clock.advance(301)
        ticks(system, "steady")

    closed = [it.until for it in alerter.heard if isinstance(it, BucketsClosed)]
    assert closed == [START, START + dt.timedelta(seconds=300)]
    assert set(database.pruned) == {START + dt.timedelta(seconds=304)}


def heard(message, messages):
    return message in messages


def test_what_meters_report_is_written_once_before_a_bucket_closes_whatever_crashes():
    database, alerter, clock = Database(), Ear(), FakeClock(START)
    ends = [START + n * dt.timedelta(seconds=300) for n in range(4)]
    database.crash_after.add(ends[2])

    def metered():
        cpu_ms = (clock.now() - START).total_seconds() * 10
        rows = [metered_row(cpu_ms=[cpu_ms], bytes_out=0)]
        return [metered_snapshot(*rows, started_at=START.timestamp())]

    spec = persister(database, Journal(), bucket_s=300, metered=metered)
    with running([spec, alerter.spec("alerter")], clock=clock) as system:
        for at in ends:
            alerter.wait_until(partial(heard, BucketsClosed(until=at)))
            if at != ends[-1]:
                clock.advance(300)
                system.addresses["persister"].tell(Tick(key="bucket"))

    closed = [it.until for it in alerter.heard if isinstance(it, BucketsClosed)]
    assert closed == ends
    assert [saved.fed_until for _, saved in database.looks] == ends
    amounts = [spent[Series("app:shop", "USD")].amount for spent, _ in database.looks[1:]]
    assert amounts[0] > 0
    assert len(set(amounts)) == 1


def test_an_outage_is_no_crash():
    database, journal = Database(), Journal()
    database.away = True

    with running([persister(database, journal)]) as system:
        system.addresses["persister"].tell(calculated("c0"))
        until = threading.Event()
        while len(journal) < 1:
            assert not until.wait(0.005)
        children = {child.name: child for child in ask_children(system)}

    assert children["persister"].restarts == 0


def test_what_waited_from_an_earlier_process_is_written_first():
    database, journal = Database(), Journal()
    journal.append(calculated("old").observation)

    with running([persister(database, journal)]) as system:
        system.addresses["persister"].tell(calculated("new", minutes=5))
        database.wait_for(2)

    assert database.rows == ["old", "new"]
    assert isinstance(calculated("x"), CostsCalculated)


def window(month, *amounts, account=ACCOUNT):
    start = dt.datetime(2026, month, 1, tzinfo=dt.UTC)
    end = dt.datetime(2026, month + 1, 1, tzinfo=dt.UTC)
    return charges.window(
        *(charges.charge(f"{month}-{n}", it, start=start) for n, it in enumerate(amounts)),
        account=account,
        provider="digitalocean",
        start=start,
        end=end,
    )


def charged(cycle_id, *windows):
    """Return what a cycle of charges tells the persister: its windows, then its end."""
    report = samples.report(cycle_id, reading="charges")
    return [
        *(ChargesFetched(report=report, window=it) for it in windows),
        ChargesCompleted(report=report, windows=len(windows), complete_through=START, gaps=()),
    ]


def tell_all(system, messages):
    for message in messages:
        system.addresses["persister"].tell(message)


def test_windows_are_recorded_in_order_then_the_end_of_the_reading_and_the_alerter_is_told():
    database, ear = Database(), Ear()

    with running([persister(database, Journal()), ear.spec("alerter")]) as system:
        tell_all(system, charged("c1", window(11, "1"), window(10, "2", "3")))
        ear.wait_for(2)
        database.wait_until(lambda: database.stored)

    assert [(start.month, rows) for _, start, rows in database.windows] == [(11, 1), (10, 2)]
    (stored,) = database.stored
    assert stored.key == (ACCOUNT, "digitalocean", "charges")
    assert stored.complete_through == START
    assert database.readings.read() == {stored.key: stored}
    assert all(isinstance(message, ChargesRecorded) for message in ear.heard)
    assert ear.heard[-1].totals == database.published.read()
    assert database.published.read().is_loaded


def test_a_crash_around_the_commit_of_a_window_loses_nothing():
    database, ear = Database(), Ear()
    database.crash_before = {window(11).start}
    database.crash_after = {window(10).start}

    with running([persister(database, Journal()), ear.spec("alerter")]) as system:
        tell_all(system, charged("c1", window(11, "1"), window(10, "2")))
        database.wait_until(lambda: database.stored)

    assert {start.month for _, start, _ in database.windows} == {10, 11}


def test_while_the_database_is_away_the_newest_window_of_each_start_waits():
    database, ear = Database(), Ear()
    database.away = True

    with running([persister(database, Journal()), ear.spec("alerter")]) as system:
        tell_all(system, charged("c1", window(11, "1"), window(10, "2")))
        tell_all(system, charged("c2", window(11, "1", "5")))
        database.wait_until(lambda: len(database.waiting) == 3)
        assert database.waiting.rows == 3
        database.away = False
        database.wait_until(lambda: len(database.stored) == 1)

    assert [(start.month, rows) for _, start, rows in database.windows] == [(10, 1), (11, 2)]


def test_what_has_no_room_is_not_noted_as_read_and_is_read_again_when_the_database_returns():
    database, alerter, poller = Database(), Ear(), Ear()
    database.away = True
    specs = [
        persister(database, Journal()),
        alerter.spec("alerter"),
        poller.spec(f"poller.{ACCOUNT}"),
    ]

    with running(specs) as system:
        tell_all(system, charged("c1", window(11, "1"), window(10, *["1"] * 25)))
        tell_all(system, [usage_calculated("u1")])
        database.wait_until(lambda: len(database.waiting) == 2)
        database.away = False
        (again,) = poller.wait_for(1)

    assert again == ReadAgain(reading="charges")
    assert [stored.key.reading for stored in database.stored] == ["usage"]
    assert [start.month for _, start, _ in database.windows] == [11]


def test_the_end_of_a_cycle_of_which_a_window_was_lost_on_the_way_is_not_noted():
    database, alerter, poller = Database(), Ear(), Ear()
    specs = [
        persister(database, Journal()),
        alerter.spec("alerter"),
        poller.spec(f"poller.{ACCOUNT}"),
    ]

    with running(specs) as system:
        first, _lost, end = charged("c1", window(11, "1"), window(10, "1"))
        tell_all(system, [first, end])
        poller.wait_for(1)

    assert database.stored == []


def test_windows_of_several_vendors_in_one_account_are_told_apart():
    database, alerter, poller = Database(), Ear(), Ear()
    specs = [
        persister(database, Journal()),
        alerter.spec("alerter"),
        poller.spec(f"poller.{ACCOUNT}"),
    ]
    windows = [dataclasses.replace(window(11), provider=it) for it in ("hetzner", "ionos")]

    with running(specs) as system:
        tell_all(system, charged("c1", *windows))
        database.wait_until(lambda: database.stored)

    assert len(database.windows) == 2
    assert poller.heard == []


def test_what_is_lost_every_time_is_read_again_at_once_only_the_first_time():
    waiting = WaitingCharges()

    assert not waiting.has_all(ACCOUNT, "c1", 1)
    assert waiting.take_incomplete() == (ACCOUNT,)
    assert not waiting.has_all(ACCOUNT, "c2", 1)
    assert waiting.take_incomplete() == ()
    waiting.note("c3", window(11))
    assert waiting.has_all(ACCOUNT, "c3", 1)
    assert not waiting.has_all(ACCOUNT, "c4", 1)
    assert waiting.take_incomplete() == (ACCOUNT,)


def test_a_window_that_cannot_be_stored_holds_nobody_up():
    database, alerter = Database(), Ear()
    database.refused = {window(11).start}

    with running([persister(database, Journal()), alerter.spec("alerter")]) as system:
        tell_all(system, charged("c1", window(11, "1"), window(10, "2")))
        tell_all(system, [calculated("i1")])
        database.wait_for(1)
        database.wait_until(lambda: database.stored)

    assert [start.month for _, start, _ in database.windows] == [10]
    assert database.fault.read() is None


def test_a_usage_is_kept_over_a_restart():
    database, alerter = Database(), Ear()

    with running([persister(database, Journal()), alerter.spec("alerter")]) as system:
        tell_all(system, [usage_calculated("u1")])
        database.wait_until(lambda: database.stored)

    (stored,) = database.stored
    assert stored.usage is not None
    assert stored.usage.quantities[0].used == Decimal(7)


@pytest.mark.parametrize("bucket_s", [None, 300])
def test_how_fast_a_counter_rises_is_written_with_the_reading_where_detection_is_on(bucket_s):
    database, alerter = Database(), Ear()
    month = START + dt.timedelta(days=30)
    readings = [
        usage_calculated("u1", used=40, resets_at=month),
        usage_calculated("u2", used=640, minutes=10, resets_at=month),
    ]

    spec = persister(database, Journal(), bucket_s=bucket_s)
    with running([spec, alerter.spec("alerter")]) as system:
        tell_all(system, readings)
        database.wait_until(lambda: len(database.stored) == 2)

    rate = {Series(f"account:{ACCOUNT}", "requests"): Decimal(1)} if bucket_s else {}
    assert database.rates == [{}, rate]


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("UTC", dt.datetime(2026, 11, 30, 23, 59, tzinfo=dt.UTC), (2026, 12, 1)),
        ("Europe/Berlin", dt.datetime(2026, 11, 30, 22, 59, tzinfo=dt.UTC), (2026, 12, 1)),
    ],
)
@pytest.mark.parametrize("away", [False, True])
def test_midnight_in_peoples_zone_begins_the_month_without_a_poll(zone, before, after, away):
    database, alerter = Database(), Ear()
    clock = FakeClock(before)
    database.published.publish(
        replace(
            nothing_known(before, dt.date(2026, 11, 30)),
            is_loaded=True,
            by_service=(total("Compute"),),
        )
    )

    with running(
        [persister(database, Journal(), zone=zone), alerter.spec("alerter")], clock=clock
    ) as system:
        database.away = away
        clock.advance(61)
        system.addresses["persister"].tell(calculated("wakes it"))
        database.wait_until(lambda: database.published.read().today == dt.date(*after))

    assert database.published.read().by_service == ()


@pytest.mark.parametrize("away", [False, True])
def test_what_the_settings_no_longer_name_is_ended_once_the_database_can_be_used(away):
    database = Database()
    database.away = away

    with running(
        [
            persister(database, Journal(), removed=lambda _charges, _now: (window(11),)),
            Ear().spec("alerter"),
        ]
    ):
        database.away = False
        database.wait_until(lambda: database.windows)

    assert database.windows[0] == (ACCOUNT, dt.datetime(2026, 11, 1, tzinfo=dt.UTC), 0)


def test_a_poll_of_live_resources_makes_the_forecast_anew_and_the_alerter_is_told():
    database, alerter = Database(), Ear()
    polled = calculated("c1", "30")
    one = persister(database, Journal(), accounts=polled.snapshot.accounts)

    with running([one, alerter.spec("alerter")]) as system:
        database.wait_until(lambda: database.published.read().is_loaded)
        system.addresses["persister"].tell(polled)
        heard = alerter.wait_for(1)

    assert isinstance(heard[0], ForecastMade)
    forecast = database.published.read().forecast
    assert forecast is not None
    (account,) = forecast.accounts
    assert account.account == ACCOUNT
    assert account.day.point == 1


def test_while_nothing_was_read_from_the_ledger_there_is_no_forecast():
    database, alerter = Database(), Ear()
    database.away = True

    with running([persister(database, Journal()), alerter.spec("alerter")]) as system:
        system.addresses["persister"].tell(calculated("c1", "30"))
        database.away = False
        database.wait_for(1)

    assert all(it.totals.is_loaded for it in alerter.heard)


def ask_children(system):
    from costmon.messages import GetChildren

    return system.supervisor.ask(GetChildren(), PATIENCE_S)
