"""A guarded program begins to burn: it is told within a bucket, also when the service is killed."""

import datetime as dt
import json
import random
import subprocess
import sys
import time

import pytest

from costmon.clock import SystemClock
from costmon.detection import SpendWatch, WatchConfig
from costmon.domain.finding import Series, bucket_floor
from costmon.store import open_store
from costmon.store.migrate import upgrade
from costmon.store.spend import Position, SavedWatch
from costmon.testing import Reply, StubServer
from tests.journeys.service import PATIENCE_S, Service, run

pytestmark = [pytest.mark.process, pytest.mark.timeout(150)]

BUCKET_S = 10
BUCKET = dt.timedelta(seconds=BUCKET_S)
PROGRAM = """
import sys, threading, urllib.request
from costmon.guard import Guard

service, vendor = sys.argv[1:]
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
guard = Guard(service=service, app="burner")
while not stop.wait(0.1):
    with guard.reserve(["provider:example", "tag:job=nightly"], "0.05") as lease:
        urllib.request.urlopen(vendor + "/v1/complete", timeout=5).read()
        lease.settle("0.05")
guard.close()
"""


def seed(url):
    """Let the service have watched a series for eight days: a cent in each bucket."""
    upgrade(url)
    rng, until = random.Random(5), bucket_floor(SystemClock().now(), BUCKET_S)
    began_at = until - dt.timedelta(days=8)
    watch = SpendWatch(WatchConfig(step_s=BUCKET_S))
    at = began_at
    while at < until:
        at += BUCKET
        watch.update(at, 0.01 * rng.uniform(0.8, 1.2))
    with open_store(url, clock=SystemClock()) as store:
        watches = {Series("global", "USD"): SavedWatch(until, watch.to_bytes())}
        store.save_watches(watches, (), Position(began_at, until), (), store.claim("detection"))


def start(tmp_path, vendor, hook) -> Service:
    return run(tmp_path, vendor, COSTMON_TIMEZONE="UTC", OPS_WEBHOOK_URL=f"{hook.url}/hook")


def wait_until(claim):
    deadline = time.monotonic() + PATIENCE_S
    while not (found := claim()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def alerts(hook):
    """Return the alerts about spend by their key: a receiver drops what comes twice."""
    bodies = [json.loads(one.body) for one in hook.asked if one.path == "/hook"]
    return {it["id"]: it for it in bodies if it["event"].startswith("alerter.spend")}


def test_a_program_that_burns_at_a_hundred_times_the_usual_is_told_once(tmp_path, vendor):
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "costmon.toml").write_text(
        f'[detection]\nbucket = "{BUCKET_S}s"\n'
        '[[channel]]\nkind = "webhook"\nname = "ops"\nurl_env = "OPS_WEBHOOK_URL"\n'
    )
    seed(f"sqlite:///{tmp_path / 'data' / 'costmon.db'}")
    with StubServer() as server:
        server.answer("/hook", Reply.json({}))
        server.answer("/v1/complete", Reply.json({}))
        with start(tmp_path, vendor, server) as service:
            service.when("/readyz", 200)
            program = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, f"unix:{service.state}/report.sock", server.url],
                cwd=Service.ROOT,
                stdin=subprocess.PIPE,
            )
            try:
                wait_until(lambda: len(server.asked) > 20)
                service.process.kill()
                service.process.wait(PATIENCE_S)
                with start(tmp_path, vendor, server) as again:
                    again.wait_for("alerter.spend_anomaly_found")
                    told = wait_until(lambda: alerts(server))
                    again.process.kill()
                    again.process.wait(PATIENCE_S)
                with start(tmp_path, vendor, server) as last:
                    last.when("/readyz", 200)
                    findings = last.get("/api/v1/findings").json()["data"]
                    last.terminate()
            finally:
                program.communicate(b"", PATIENCE_S)
        opened = [it for it in alerts(server).values() if it["state"] == "opened"]

    (alert,) = [it for it in opened if it["facts"]["scope"] == "global"]
    assert alert["id"] in told
    assert alert["severity"] == "critical"
    assert "USD more than usual was spent" in alert["text"]
    risen = {one["scope"] for one in alert["facts"]["contributors"]}
    assert risen == {"provider:example", "tag:job=nightly"}
    assert alert["facts"]["finding"] in {row["id"] for row in findings}


REFUSED = """
import sys, time
from costmon.guard import CallRefused, Guard

guard = Guard(service=sys.argv[1], app="burner")
until = time.monotonic() + 60
while time.monotonic() < until:
    try:
        guard.reserve("provider:example", "0.05").settle("0.05")
    except CallRefused as refused:
        print(refused.reason, refused, flush=True)
        break
    time.sleep(0.1)
guard.close()
"""


def test_a_rule_opens_the_circuit_and_the_program_that_burns_is_refused(tmp_path, vendor):
    (tmp_path / "costmon.toml").write_text(
        f'[detection]\nbucket = "{BUCKET_S}s"\n'
        '[[rule]]\nscope = "provider:example"\nhourly = 0.2\n'
        "breaker = { enabled = true, threshold_multiplier = 2 }\n"
        '[[channel]]\nkind = "webhook"\nname = "ops"\nurl_env = "OPS_WEBHOOK_URL"\n'
    )
    with StubServer() as server:
        server.answer("/hook", Reply.json({}))
        with start(tmp_path, vendor, server) as service:
            service.when("/readyz", 200)
            program = subprocess.run(
                [sys.executable, "-c", REFUSED, f"unix:{service.state}/report.sock"],
                cwd=Service.ROOT,
                capture_output=True,
                text=True,
                timeout=90,
                check=True,
            )
            opened = wait_until(
                lambda: [
                    json.loads(one.body)
                    for one in server.asked
                    if b"alerter.circuit_opened" in one.body
                ]
            )
            (circuit,) = service.get("/api/v1/circuits").json()["data"]
            service.terminate()

    assert program.stdout.startswith("circuit ")
    assert "provider:example" in program.stdout
    assert opened[0]["facts"]["scope"] == "provider:example"
    assert circuit["scope"] == "provider:example"
    assert circuit["state"] == "open"
    assert any(b"alerter.rule_broken" in one.body for one in server.asked)
