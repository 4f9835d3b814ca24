"""Kill a process that finds runaway spend, stores that and tells of it, at any moment, many times.

`make soak` runs the whole campaign: 200 kills on SQLite and, where there is a server
(`pg_virtualenv`), 50 on PostgreSQL. It prints what was found and exits with 1 when a
finding was lost, or an alert came twice to a receiver that honours the key.

The process has the real store, detection, alerter, messenger, outbox and webhook channel. Guards
report four series to it, of which one in three buckets runs away. The receiver outlives the
kills; now and then it refuses, or takes an alert and hangs up without an answer. What was found and
told must be exactly what a process that nobody kills finds and tells.
"""

import argparse
import datetime as dt
import math
import multiprocessing
import os
import random
import select
import signal
import tempfile
from decimal import Decimal

from costmon import logs
from costmon.actors.detection import DetectionPlan
from costmon.bootstrap.history import AlertMemory, SpendHistory
from costmon.clock import SystemClock
from costmon.detection import SpendWatch, WatchConfig
from costmon.domain.finding import Series
from costmon.messages import BucketsClosed
from costmon.store import Retention, open_store
from costmon.store.migrate import upgrade
from costmon.store.spend import Position, SavedWatch
from costmon.testing import FakeClock
from costmon.testing.spend import guard_report, spend_row
from tests.roles.alert_crash import PATIENCE_S, Receiver, make_outbox, make_system, wait_for
from tests.store.charge_crash import databases

BUCKET_S = 900
BUCKET = dt.timedelta(seconds=BUCKET_S)
START = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
_LEARNED = dt.timedelta(days=8)
# Each its own currency: nothing is a part of another finding.
SERIES = tuple(
    Series("global", unit)
    for unit in ["USD", "EUR", "GBP", "JPY", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "AUD"]
)
_RUNAWAY_EVERY = 3
_MOST_AHEAD = 3
_MOST_WAITING = 20
_FOREVER = Retention(guard_spend=math.inf)


def amount(number, index):
    """Return what a series costs in a bucket: now and then sixty times the usual."""
    usual = random.Random(number * 100 + index).uniform(0.9, 1.1)
    runs_away = number % _RUNAWAY_EVERY == 0 and index == number // _RUNAWAY_EVERY % len(SERIES)
    return Decimal(f"{usual * (60 if runs_away else 1):.4f}")


def prepare(url):
    """Let a database know that all series have cost the usual for eight days."""
    upgrade(url)
    watch = SpendWatch(WatchConfig(step_s=BUCKET_S))
    rng = random.Random(1)
    for back in range(_LEARNED // BUCKET, -1, -1):
        watch.update(START - back * BUCKET, rng.uniform(0.9, 1.1))
    saved = SavedWatch(START, watch.to_bytes())
    with open_store(url, clock=SystemClock()) as store:
        token = store.claim("detection")
        known = dict.fromkeys(SERIES, saved)
        store.save_watches(known, (), Position(START - _LEARNED, START), (), token)


def report(store, clock, token, number):
    """Let a guard report what is spent in a bucket; a second time adds nothing."""
    clock.step((START + number * BUCKET + BUCKET / 2 - clock.now()).total_seconds())
    hour = clock.now().replace(minute=0)
    for index, series in enumerate(SERIES):
        row = spend_row(amount(number, index), hour=hour, activity=f"b{number}")
        guard = series.unit
        one = guard_report(number + 1, (row,), guard=guard, store=guard, currency=guard)
        store.record_report(one, _FOREVER, token, BUCKET_S)


def work(url, first, last, webhook, said):
    """Report bucket after bucket and let the alerter find, store and tell; say which begins."""
    logs.configure(level="error", form="json")
    clock = FakeClock()
    with open_store(url, clock=SystemClock()) as store, open_store(url, clock=clock) as reports:
        token = reports.claim("persister")
        outbox = make_outbox(webhook)
        plan = DetectionPlan(
            open_store=lambda: SpendHistory(store, "detection"),
            bucket_s=BUCKET_S,
            timezone="UTC",
            expected=(),
        )
        system = make_system(store, outbox, lambda: AlertMemory(store), plan)
        system.start()
        alerter = system.addresses["alerter"]
        for number in range(first, last):
            wait_for(
                lambda: alerter.waiting <= _MOST_AHEAD and len(outbox.waiting) <= _MOST_WAITING
            )
            said.send(number)
            report(reports, clock, token, number)
            alerter.tell(BucketsClosed(until=START + (number + 1) * BUCKET))
        wait_for(lambda: alerter.waiting == 0)
        system.stop(PATIENCE_S)
        rest = make_system(store, make_outbox(webhook), lambda: AlertMemory(store))
        rest.start()
        wait_for(lambda: not store.undelivered())
        rest.stop(PATIENCE_S)


def kill_once(context, url, first, webhook, rng):
    """Let a process work and kill it somewhere; return the last bucket that it has begun."""
    heard, said = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(url, first, first + 1000, webhook, said))
    process.start()
    said.close()
    begun, wanted = first, first + rng.randrange(8)
    try:
        while heard.poll(PATIENCE_S) and (begun := heard.recv()) < wanted:
            pass
        select.select([], [], [], rng.random() * 0.15)
        os.kill(process.pid, signal.SIGKILL)
        while True:
            begun = heard.recv()
    except (EOFError, OSError):
        process.join()
        heard.close()
    return begun


def found(url):
    """Return the id, state and figures of each finding that is stored."""
    with open_store(url, clock=SystemClock()) as store:
        return {
            one.id: (one.state, one.at, round(one.burned, 6)) for one in store.findings(100_000)
        }


def _to_the_end(context, url, first, last, receiver):
    """Let a process that nobody kills find and tell everything."""
    heard, said = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(url, first, last, receiver.url, said))
    process.start()
    said.close()
    try:
        while heard.poll(PATIENCE_S):
            heard.recv()
    except EOFError:
        process.join()
    assert process.exitcode == 0, "it did not come to its end"


def campaign(url, kills, seed):
    """Kill so often; return the numbers of findings, alerts and repeats, and faults."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [__name__ if __name__ != "__main__" else "tests.roles.finding_crash"]
    )
    rng = random.Random(seed)
    prepare(url)
    first = 0
    with Receiver(rng, "id") as receiver:
        for _ in range(kills):
            first = kill_once(context, url, first, receiver.url, rng)
        receiver.is_moody = False
        # The buckets that follow let what is open end.
        last = first + 12
        _to_the_end(context, url, first, last, receiver)
        told, repeats = receiver.told, receiver.repeats
    with tempfile.TemporaryDirectory() as directory, Receiver(rng, "id") as calm:
        calm.is_moody = False
        reference = f"sqlite:///{directory}/costmon.db"
        prepare(reference)
        _to_the_end(context, reference, 0, last, calm)
        expected, expected_told = found(reference), calm.told
    return len(expected), len(told), repeats, _faults(found(url), expected, told, expected_told)


def _faults(known, expected, told, expected_told):
    """Return what is not as without a kill, in words."""
    faults = [f"finding {it} was lost" for it in expected.keys() - known.keys()]
    faults += [f"finding {it} was made by a kill" for it in known.keys() - expected.keys()]
    faults += [
        f"finding {it} is {known[it]} and not {expected[it]}"
        for it in known.keys() & expected.keys()
        if known[it] != expected[it]
    ]
    faults += [f"alert {it} was lost" for it in set(expected_told) - set(told)]
    faults += [f"alert {it} was told because of a kill" for it in set(told) - set(expected_told)]
    if len(told) != len(set(told)):
        faults.append(f"{len(told) - len(set(told))} alerts came twice, under two keys")
    return faults


def main():
    """Run what the command line says; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="finding_crash", description=__doc__)
    parser.add_argument("--sqlite", type=int, default=200, help="kills on SQLite")
    parser.add_argument("--postgresql", type=int, default=50, help="kills on PostgreSQL")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    told = parser.parse_args()
    logs.configure(level="error", form="console")
    bad = 0
    for name, url, kills in databases(told.sqlite, told.postgresql):
        findings, alerts, repeats, faults = campaign(url, kills, told.seed)
        bad += len(faults)
        print(
            f"{name}: {kills} kills, {findings} findings, {alerts} alerts delivered once, "
            f"{repeats} repeats that the key gave away, {len(faults)} faults (seed {told.seed})"
        )
        for fault in faults[:20]:
            print(f"  {fault}")
    return 1 if bad else 0
