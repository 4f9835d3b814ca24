"""Kill a process that raises, stores and delivers alerts, at any moment, again and again.

`python -m tests.roles.alert_crash` runs the whole campaign: 200 kills on SQLite and, where there is
a server (`pg_virtualenv`), 50 on PostgreSQL. It prints what was found and exits with 1 when an
alert was lost, or told twice to a receiver that honours the key.

The process has the real alerter, messenger, outbox and webhook channel. It is told facts number 0,
1, 2 and so on: each lets the use of a quota reach its next level, hence is one alert. The receiver
outlives the kills; now and then it refuses, or takes an alert and hangs up without an answer.
"""

import argparse
import datetime as dt
import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import sqlalchemy as sa

from costmon import logs
from costmon.actors.child import ChildSpec
from costmon.actors.roles import messenger
from costmon.actors.roles.alerter import Alerter, AlerterPlan, Recollection
from costmon.actors.roles.messenger import Messenger, Outbox
from costmon.actors.system import System
from costmon.alerts import storm
from costmon.bootstrap.history import AlertMemory, Deliveries
from costmon.clock import SystemClock
from costmon.domain.totals import Threshold
from costmon.domain.usage import Quantity, UsageReading
from costmon.messages import UsageCalculated
from costmon.notifiers.webhook import WebhookChannel
from costmon.pricing import fx
from costmon.sender import HttpSender
from costmon.state.charges import nothing_known
from costmon.state.published import Published
from costmon.store import open_store
from costmon.store.migrate import upgrade
from costmon.testing import samples
from tests.store.charge_crash import databases

PATIENCE_S = 120.0
_CHANNEL = "ops"
_USED = (60, 85, 120)
_LEVELS = (50, 80, 100)
_MOST_UNSAVED = 20
_MOST_WAITING = 50
_RETRY_S = 0.02
_WINDOW_S = 0.1
_START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
_NEVER = dt.datetime(2199, 1, 1, tzinfo=dt.UTC)
_ROOT = Path(__file__).parents[2]


def condition(number):
    """Return the name of the condition that fact number `number` fulfils."""
    return f"quota:a{number // 3} requests:{_LEVELS[number % 3]}"


def fact(number):
    """Return the fact: a reading of usage that reaches the next level of its account."""
    quantity = Quantity(
        quota="requests",
        unit="Requests",
        used=Decimal(_USED[number % 3]),
        start=_START,
        end=_START,
        resets_at=_NEVER,
        limit=Decimal(100),
        estimated=False,
        project=None,
    )
    usage = UsageReading(
        account=f"a{number // 3}",
        provider="acme",
        observed_at=_START,
        quantities=(quantity,),
        complete_through=None,
        gaps=(),
    )
    return UsageCalculated(report=samples.report(f"c{number}", reading="usage"), usage=usage)


class Receiver:
    """A webhook that honours the key: what it has seen it takes again and does nothing.

    Args:
        rng: Decides its moods.
        field: What of an alert is noted.
    """

    def __init__(self, rng, field="condition"):
        self._field = field
        self.seen = {}
        self.repeats = 0
        self.is_moody = True
        self._rng = rng
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.take(self)

            def log_message(self, *_arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}/alerts"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def told(self):
        """Return what was noted of each alert that was taken, of those in a group, too."""
        with self._lock:
            return tuple(it for noted in self.seen.values() for it in noted)

    def take(self, request):
        """Answer one delivery, or not."""
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        with self._lock:
            mood, pause_s = self._rng.random(), self._rng.random() * 0.02
        if self.is_moody:
            select.select([], [], [], pause_s)
        if self.is_moody and mood < 0.02:
            request.send_response(503)
            request.end_headers()
            return
        key = request.headers["Idempotency-Key"]
        with self._lock:
            self.repeats += key in self.seen
            self.seen.setdefault(key, _noted(body, self._field))
        if self.is_moody and mood < 0.04:
            request.close_connection = True  # taken, and the answer is lost
            return
        request.send_response(200)
        request.end_headers()


def _noted(body, field):
    if body["event"] == storm.EVENT:
        return [member[field] for member in body["facts"]["alerts"]]
    return [body[field]]


class SpokenMemory(AlertMemory):
    """The alerter's memory, which says on stdout what has been saved."""

    def __init__(self, store, saved):
        super().__init__(store)
        self._saved = saved

    def save(self, condition, text, outgoing):
        super().save(condition, text, outgoing)
        _say(f"saved {condition}")
        self._saved.release()


class NoDecisions:
    """Nobody decides anything about an alert."""

    def keep(self, change):
        return change

    def waiting(self):
        return ()


def _say(line):
    os.write(sys.stdout.fileno(), f"{line}\n".encode())  # one write: two threads say something


def tell_for_ever(url, first, webhook):
    """Tell an alerter facts from `first` on, saying the number of each before."""
    saved = threading.Semaphore(_MOST_UNSAVED)
    with open_store(url, clock=SystemClock()) as store:
        outbox = make_outbox(webhook)
        system = make_system(store, outbox, lambda: SpokenMemory(store, saved))
        system.start()
        for number in range(first, first + 100_000):
            saved.acquire()
            while len(outbox.waiting) > _MOST_WAITING:
                select.select([], [], [], 0.01)
            _say(f"begin {number}")
            system.addresses["alerter"].tell(fact(number))


def make_outbox(webhook):
    # The real pauses after a failure are longer than the process lives.
    messenger._RETRY_MIN_S = messenger._RETRY_MAX_S = _RETRY_S
    channel = WebhookChannel(_CHANNEL, webhook, None, HttpSender(), SystemClock())
    # So short a window makes groups of what waits now and then.
    storm.WINDOW_S = _WINDOW_S
    return Outbox(channel=channel, retry_s=_RETRY_S, groups=True)


def make_system(store, outbox, open_memory, detection=None):
    plan = AlerterPlan(
        accounts=frozenset(),
        threshold=Threshold(provider="acme", limit=Decimal(1)),
        cooldown_s=0.0,
        open_store=open_memory,
        recollection=Recollection(said={}, unsaved={}),
        changes=NoDecisions(),
        channels=(_CHANNEL,),
        caps=(),
        quotas=(),
        rates=fx.rates(),
        subscriptions=(),
        resources=lambda: (),
        charges=lambda: nothing_known(_START, _START.date()),
        usages=lambda: (),
        today=_START.date,
        announced=Published(None),
        detection=detection,
    )

    def build_messenger(incarnation):
        return Messenger(
            incarnation, [outbox], open_store=lambda: Deliveries(store), kept=[_CHANNEL]
        )

    def build_alerter(incarnation):
        return Alerter(
            incarnation,
            plan,
            messenger=incarnation.addresses["messenger"],
            policy=incarnation.addresses["messenger"],
            persister=incarnation.addresses["messenger"],
        )

    return System(
        (
            ChildSpec(name="messenger", build=build_messenger, core=True),
            ChildSpec(name="alerter", build=build_alerter, core=True),
        ),
        clock=SystemClock(),
        rng=random.Random(),
        statuses=Published(()),
    )


def kill_once(url, first, webhook, rng):
    """Let a process work and kill it somewhere; return the last fact told, and all saved ones."""
    command = [sys.executable, "-m", "tests.roles.alert_crash", "--work", url, str(first), webhook]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        begun, saved = first - 1, []
        wanted = first + rng.randrange(40)

        def note(line):
            nonlocal begun
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "begin":
                begun = int(rest)
            else:
                saved.append(rest)

        for line in process.stdout:
            note(line)
            if begun >= wanted:
                break
        select.select([], [], [], rng.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        for line in process.stdout:
            if line.endswith("\n"):
                note(line)
    return begun, saved


def stored(url):
    """Return the conditions that are remembered, and those with an alert in the outbox."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        remembered = connection.exec_driver_sql(
            "SELECT condition FROM alert_memory WHERE condition LIKE 'quota:%%'"
        ).scalars()
        outbox = connection.exec_driver_sql("SELECT alert, ended_at FROM alert_outbox").all()
        found = set(remembered)
    engine.dispose()
    alerts = [json.loads(alert) for alert, _ in outbox if alert]
    kept = [alert["condition"] for alert in alerts if alert["event"] != storm.EVENT]
    waiting = sum(ended is None for _, ended in outbox)
    return found, kept, waiting


def _faults(url, saved, told):
    """Return what is wrong after a kill, in words."""
    remembered, kept, _ = stored(url)
    faults = [f"{name} was saved and is not there" for name in saved if name not in remembered]
    if len(set(kept)) != len(kept):
        faults.append("an alert is in the outbox under two ids")
    faults += [f"{name} is remembered and has no alert" for name in remembered - set(kept)]
    faults += [f"{name} has an alert and is not remembered" for name in set(kept) - remembered]
    faults += [f"{name} was told before it was saved" for name in set(told) - remembered]
    return faults


def deliver_the_rest(url, webhook):
    """Let a process that nobody kills deliver what waits."""
    with open_store(url, clock=SystemClock()) as store:
        system = make_system(store, make_outbox(webhook), lambda: AlertMemory(store))
        system.start()
        wait_for(lambda: not store.undelivered())
        system.stop(10.0)


def wait_for(claim):
    """Wait until something holds; give up after a while."""
    paused = threading.Event()
    for _ in range(int(PATIENCE_S / 0.02)):
        if claim():
            return
        paused.wait(0.02)


def campaign(url, kills, seed):
    """Kill so often; return the numbers of alerts, groups and repeated deliveries, and faults."""
    rng = random.Random(seed)
    upgrade(url)
    faults = []
    first = 0
    with Receiver(rng) as receiver:
        for kill in range(kills):
            begun, saved = kill_once(url, first, receiver.url, rng)
            told = receiver.told
            faults += [f"kill {kill}: {it}" for it in _faults(url, saved, told)]
            remembered, _, _ = stored(url)
            # What was told and not decided is read again, as a vendor's figures are.
            while condition(first) in remembered:
                first += 1
            if first > begun + 1:
                faults.append(f"kill {kill}: {first} facts are known, of {begun + 1}")
        receiver.is_moody = False
        deliver_the_rest(url, receiver.url)
        told = receiver.told
        groups = sum(len(conditions) > 1 for conditions in receiver.seen.values())
    remembered, _, waiting = stored(url)
    faults += [f"{name} was stored and never delivered" for name in remembered - set(told)]
    faults += [f"{name} was delivered and is not known" for name in set(told) - remembered]
    if len(set(told)) != len(told):
        faults.append(f"{len(told) - len(set(told))} alerts were told twice, under two keys")
    if waiting:
        faults.append(f"{waiting} alerts still wait")
    if remembered != {condition(number) for number in range(len(remembered))}:
        faults.append("a level was passed over")
    return len(told), groups, receiver.repeats, faults


def main():
    """Run what the command line says; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.roles.alert_crash", description=__doc__)
    parser.add_argument("--sqlite", type=int, default=200, help="kills on SQLite")
    parser.add_argument("--postgresql", type=int, default=50, help="kills on PostgreSQL")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.work:
        url, first, webhook = told.work
        logs.configure(level="error", form="json")
        tell_for_ever(url, int(first), webhook)
        return 0
    logs.configure(level="error", form="console")
    bad = 0
    for name, url, kills in databases(told.sqlite, told.postgresql):
        alerts, groups, repeats, faults = campaign(url, kills, told.seed)
        bad += len(faults)
        print(
            f"{name}: {kills} kills, {alerts} alerts delivered once, {groups} groups among them, "
            f"{repeats} repeats that the key gave away, {len(faults)} faults (seed {told.seed})"
        )
        for fault in faults[:20]:
            print(f"  {fault}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
