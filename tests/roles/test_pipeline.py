"""The whole tree on a real database, while its actors crash at random."""

import dataclasses
import datetime as dt
import random
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from costmon.actors.roles.alerter import AlerterPlan, Recollection
from costmon.actors.roles.messenger import Outbox
from costmon.actors.roles.meters import MetersPlan
from costmon.actors.roles.persister import PersisterPlan
from costmon.actors.roles.policy import PolicyPlan
from costmon.actors.roles.poller import PollerPlan
from costmon.actors.waiting_charges import WaitingCharges
from costmon.api.representation import Representations
from costmon.bootstrap.history import AlertMemory, Deliveries, Writers
from costmon.bootstrap.tree import Parts, child_specs
from costmon.clock import SystemClock
from costmon.domain.poll import ReadingKey, StoredReading
from costmon.domain.totals import Threshold
from costmon.pricing import fx
from costmon.state import fold, meters
from costmon.state.charges import nothing_known
from costmon.state.guard_state import EMPTY
from costmon.state.published import Published, PublishedSnapshot, SharedPublished, Watched
from costmon.store import DecisionJournal, Journal, Retention, open_store
from costmon.store.meters import MeterFile
from costmon.store.migrate import upgrade
from costmon.testing import samples
from costmon.testing.clock import START
from tests.roles.tree import PATIENCE_S, SOON, Ear, running
from tests.roles.values import FORECASTER
from tests.store import charges

CYCLES = 150


class Chance:
    """Crashes whoever asks, now and then, until enough has happened."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.crashes = 0
        self.lock = threading.Lock()

    def strike(self, where):
        with self.lock:
            struck = self.rng.random() < 0.08
            self.crashes += struck
        if struck:
            msg = f"struck {where}"
            raise RuntimeError(msg)


class StruckCell(PublishedSnapshot):
    def __init__(self, chance):
        super().__init__()
        self.chance = chance
        self.published = []

    def publish(self, snapshot):
        self.chance.strike("before the swap")
        swapped = super().publish(snapshot)
        if swapped:
            self.published.append((snapshot.sequence, snapshot.as_of or START))
        self.chance.strike("after the swap")
        return swapped


class StruckWriter:
    def __init__(self, writer, chance):
        self.writer = writer
        self.chance = chance

    def record(self, observation):
        self.chance.strike("before the commit")
        written = self.writer.record(observation)
        self.chance.strike("after the commit")
        return written

    def record_charges(self, window):
        self.chance.strike("before the commit")
        recorded = self.writer.record_charges(window)
        self.chance.strike("after the commit")
        return recorded

    def record_reading(self, stored, rates):
        self.chance.strike("before the commit")
        self.writer.record_reading(stored, rates)
        self.chance.strike("after the commit")

    def charges(self, today, restated_since):
        return self.writer.charges(today, restated_since)

    def record_report(self, report):
        return self.writer.record_report(report)

    def apply_change(self, change):
        return self.writer.apply_change(change)

    def metered(self):
        return self.writer.metered()

    def record_metered(self, spent, saved):
        self.writer.record_metered(spent, saved)

    def prune(self, now):
        self.writer.prune(now)


class Vendor:
    """Has one droplet more at every poll, and answers so many polls."""

    def __init__(self):
        self.provider = self
        self.polls = 0
        self.yielded = {11: 0, 10: 0}
        self.done = threading.Event()

    def open(self, pause, beat):
        return self

    def inventory(self, account, now):
        self.polls += 1
        if self.polls == CYCLES:
            self.done.set()
        droplets = [samples.resource(str(n), account=account) for n in range(self.polls % 20 + 1)]
        return samples.inventory(droplets, account=account, observed_at=now)

    def charges(self, account, now, known_through):
        for month in (11, 10):
            start = dt.datetime(2026, month, 1, tzinfo=dt.UTC)
            self.yielded[month] += 1
            yield charges.window(
                charges.charge(f"steady-{month}", "0.123456789", start=start),
                charges.charge(f"moving-{month}", str(self.yielded[month]), start=start),
                account=account,
                provider="digitalocean",
                observed_at=now,
                start=start,
                end=dt.datetime(2026, month + 1, 1, tzinfo=dt.UTC),
            )

    def take_counts(self):
        return 1, ()

    def close(self):
        pass


class Channel:
    name = "ear"

    def __init__(self):
        self.ear = Ear()

    def send(self, alert):
        self.ear.hear(alert.id)


@pytest.mark.timeout(300)  # hundreds of restarts: seconds, on a busy machine minutes
@pytest.mark.parametrize("seed", range(1))
def test_no_observation_is_lost_none_is_there_twice_and_the_snapshot_never_goes_back(
    tmp_path, seed
):
    url = f"sqlite:///{tmp_path / 'costmon.db'}"
    upgrade(url)
    chance, vendor, channel = Chance(seed), Vendor(), Channel()
    cell, guard_state = StruckCell(chance), SharedPublished(EMPTY)
    known: Published[Mapping[ReadingKey, StoredReading]] = Published({})
    start = fold.Start(
        name="work", provider="digitalocean", intervals={"inventory": 1.0, "charges": 1.0}
    )
    first = fold.first([start], {}, now=START, demo=False)
    PublishedSnapshot.publish(cell, first)
    with (
        open_store(url, clock=SystemClock()) as store,
        Journal(tmp_path / "j", 1 << 22) as journal,
        DecisionJournal(tmp_path / "d", 1 << 16) as decision_journal,
    ):
        writers = Writers(store, url, Retention())
        specs = child_specs(
            Parts(
                plans=(
                    PollerPlan(
                        account="work",
                        provider="digitalocean",
                        intervals={"inventory": 0.004, "charges": 0.02},
                        connect=vendor.open,
                        stored=lambda _reading: None,
                        falls_to_zero=lambda _window: False,
                    ),
                ),
                cell=cell,
                prepare=Representations(cell, SystemClock()).prepare,
                persisting=PersisterPlan(
                    claim=lambda: StruckWriter(writers.claim(), chance),
                    journal=journal,
                    changes=decision_journal,
                    fault=Published(None),
                    confirmed=Published({}),
                    guard_state=guard_state,
                    waiting_charges=WaitingCharges(),
                    readings=known,
                    charges=Published(nothing_known(START, START.date())),
                    forecaster=FORECASTER,
                    accounts=lambda: (),
                    timezone="UTC",
                    removed=lambda _charges, _now: (),
                ),
                alerting=AlerterPlan(
                    accounts=frozenset(),
                    threshold=Threshold(provider="digitalocean", limit=Decimal(100)),
                    cooldown_s=0.0,
                    open_store=lambda: AlertMemory(store),
                    recollection=Recollection(said={}, unsaved={}),
                    changes=decision_journal,
                    channels=(channel.name,),
                    caps=(),
                    quotas=(),
                    rates=fx.rates(),
                    subscriptions=(),
                    resources=lambda: (),
                    charges=lambda: nothing_known(START, START.date()),
                    usages=lambda: (),
                    today=START.date,
                    announced=Published(None),
                ),
                outboxes=(Outbox(channel=channel),),
                deliveries=lambda: Deliveries(store),
                open_alerts=tuple,
                policy=PolicyPlan(
                    budgets=(),
                    load=store.decisions,
                    changes=decision_journal,
                    guard_state=guard_state,
                    policy=Watched(None),
                ),
                meters=MetersPlan(
                    keeper=MeterFile(tmp_path / "meters.json"), meters=Published(meters.first("e"))
                ),
                heartbeat=None,
            )
        )
        patient = [
            dataclasses.replace(
                spec,
                policy=SOON,
                stop_timeout_s=PATIENCE_S * 3,
                mailbox=dataclasses.replace(spec.mailbox, max_deliveries=50, capacity=10_000),
            )
            for spec in specs
        ]
        with capture_logs(), running(patient):  # rendering thousands of tracebacks takes minutes
            assert vendor.done.wait(PATIENCE_S * 3)

        assert len(journal) == 0
    with closing(sqlite3.connect(tmp_path / "costmon.db")) as database:
        rows = [row[0] for row in database.execute("select cycle_id from poll_cycle")]
        moving = dict(
            database.execute(
                """select "x_SourceRowKey", "x_Revision" || ' ' || "BilledCost" from charge"""
            ).fetchall()
        )
        days = dict(database.execute("select day, sum(billed) from charge_day group by day"))
    assert chance.crashes > 10
    assert min(vendor.yielded.values()) > 1
    assert moving == {
        **{f"steady-{month}": "1 0.123456789" for month in vendor.yielded},
        **{f"moving-{month}": f"{count} {count}" for month, count in vendor.yielded.items()},
    }
    assert days == {
        f"2026-{month}-01": count * 10**9 + 123456789 for month, count in vendor.yielded.items()
    }
    assert [key.reading for key in known.read()] == ["charges"]
    assert len(rows) == len(set(rows)) == vendor.polls
    assert cell.published == sorted(cell.published)
    assert len(channel.ear.heard) == len(set(channel.ear.heard)) > 0
