"""A guarded program begins to burn: people are told within a bucket, and its calls are refused.

That nothing is lost or told twice when the service is killed meanwhile is shown by
`tests/roles/finding_crash.py`.
"""

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
LEARNED = dt.timedelta(days=8)
CALL_USD = 0.05
# Tells of each call that it paid for, and of the refusal that ends it.
PROGRAM = """
import sys, time, urllib.request
from costmon.guard import CallRefused, Guard

service, vendor = sys.argv[1:]
until = time.monotonic() + 100
with Guard(service=service, app="burner") as guard:
    while time.monotonic() < until:
        try:
            with guard.reserve(["provider:example", "tag:job=nightly"], "0.05") as lease:
                urllib.request.urlopen(vendor + "/v1/complete", timeout=5).read()
                lease.settle("0.05")
        except CallRefused as refused:
            print("refused", time.time(), refused, flush=True)
            break
        print("paid", time.time(), flush=True)
        time.sleep(0.1)
"""
CONFIG = f"""
[detection]
bucket = "{BUCKET_S}s"

[[rule]]
scope = "global"
hourly = 1
breaker = {{ enabled = true, on_finding = "critical", threshold_multiplier = 1000 }}

[[channel]]
kind = "webhook"
name = "ops"
url_env = "OPS_WEBHOOK_URL"
"""


def seed(url):
    """Let the service have watched the program for eight days: a cent in each bucket."""
    upgrade(url)
    rng, until = random.Random(5), bucket_floor(SystemClock().now(), BUCKET_S)
    watch = SpendWatch(WatchConfig(step_s=BUCKET_S))
    for back in range(LEARNED // BUCKET, -1, -1):
        watch.update(until - back * BUCKET, 0.01 * rng.uniform(0.8, 1.2))
    saved = SavedWatch(until, watch.to_bytes())
    watches = {Series(it, "USD"): saved for it in ("global", "provider:example", "tag:job=nightly")}
    with open_store(url, clock=SystemClock()) as store:
        position = Position(until - LEARNED, until)
        store.save_watches(watches, (), position, (), store.claim("detection"))


def received(server, path, event):
    """Return what a receiver was sent about something, once it has been."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        bodies = [one.body.decode() for one in server.asked if one.path == path]
        found = [body for body in bodies if event in body]
        if found:
            return [json.loads(body) for body in found]
        assert time.monotonic() < deadline, bodies
        time.sleep(0.05)


def test_a_program_that_burns_at_a_hundred_times_the_usual_is_told_of_once_and_refused(
    tmp_path, vendor, record_property
):
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "costmon.toml").write_text(CONFIG)
    seed(f"sqlite:///{tmp_path / 'data' / 'costmon.db'}")
    with StubServer() as server:
        server.answer("/hook", Reply.json({}))
        server.answer("/v1/complete", Reply.json({}))
        server.answer("/bot1:token/sendMessage", Reply.json({"ok": True, "result": {}}))
        with run(
            tmp_path,
            vendor,
            COSTMON_TIMEZONE="UTC",
            OPS_WEBHOOK_URL=f"{server.url}/hook",
            TELEGRAM_BOT_TOKEN="1:token",
            TELEGRAM_CHANNEL_ID="@ops",
            TELEGRAM_API_URL=server.url,
        ) as service:
            service.when("/readyz", 200)
            program = subprocess.run(
                [sys.executable, "-c", PROGRAM, f"unix:{service.state}/report.sock", server.url],
                cwd=Service.ROOT,
                capture_output=True,
                text=True,
                timeout=120,
                check=True,
            )
            alerts = received(server, "/hook", "alerter.spend_anomaly_found")
            openings = received(server, "/hook", "alerter.circuit_opened")
            messages = received(server, "/bot1:token/sendMessage", "unusually high")
            findings = service.get("/api/v1/findings").json()["data"]
            (circuit,) = service.get("/api/v1/circuits").json()["data"]
            page = service.get("/alerts").body.decode()
            service.terminate()

    (alert,) = [it for it in alerts if it["state"] == "opened"]
    assert (alert["severity"], alert["facts"]["scope"]) == ("critical", "global")
    assert "USD more than usual was spent" in alert["text"]
    risen = {one["scope"] for one in alert["facts"]["contributors"]}
    assert risen == {"provider:example", "tag:job=nightly"}
    (message,) = [it for it in messages if it["text"].endswith(alert["text"])]
    assert message["chat_id"] == "@ops"
    assert alert["facts"]["finding"] in {row["id"] for row in findings}
    assert (circuit["scope"], circuit["state"], circuit["cause"]) == ("global", "open", "finding")
    assert openings[0]["facts"]["scope"] == "global"
    assert "Not spent:" in page

    *paid, (word, refused_at, *_) = [line.split() for line in program.stdout.splitlines()]
    found_at = next(it["at"] for it in findings if it["id"] == alert["facts"]["finding"])
    detected_at = dt.datetime.fromisoformat(found_at).timestamp()
    after = [moment for _, moment in paid if float(moment) > detected_at]
    burned, lasted_s = len(after) * CALL_USD, float(refused_at) - detected_at
    assert word == "refused"
    assert burned < 60 / 0.1 * CALL_USD  # what a minute of it costs
    record_property("burned_after_detection_usd", f"{burned:.2f}")
    record_property("refused_after_detection_s", f"{lasted_s:.2f}")
    print(f"burned after detection: {burned:.2f} USD; refused {lasted_s:.2f} s after it")
