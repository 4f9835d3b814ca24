"""Exactly one probe at a time, also among processes that share a store."""

import json
import random
import subprocess
import sys

import pytest

from costmon.clock import SystemClock
from costmon.guard.health.health import Health
from costmon.guard.stores import open_store

PROCESSES = 4
THREADS = 8

WORKER = """
import json, random, sys, threading
from costmon.clock import SystemClock
from costmon.guard.errors import HealthRefused
from costmon.guard.health.health import Health
from costmon.guard.health.rules import HealthRules
from costmon.guard.stores import open_store

clock = SystemClock()
store = open_store(sys.argv[1], clock=clock, rng=random.Random())
health = Health(store, clock=clock, rng=random.Random(), rules=HealthRules(open_s=0.001))
admitted = []

def ask():
    try:
        admitted.append(health.admit("sick.example"))
    except HealthRefused:
        pass

print("ready", flush=True)
for line in sys.stdin:
    if line.strip() == "record":
        for _ in range(100):
            health.record("busy.example", "5xx" if _ % 4 == 0 else None, 0.1)
        health.flush()
        print("done", flush=True)
        continue
    health.get("sick.example")  # else it is learned within a second
    threads = [threading.Thread(target=ask) for _ in range(int(sys.argv[2]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps([admission.probe for admission in admitted]), flush=True)
store.close()
"""


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'guard.db'}"


@pytest.fixture
def health(url):
    clock = SystemClock()
    store = open_store(url, clock=clock, rng=random.Random())
    yield Health(store, clock=clock, rng=random.Random(1))
    store.close()


@pytest.fixture
def workers(url, health):
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, url, str(THREADS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for worker in started:
        assert answer(worker) == "ready"
    yield started
    for worker in started:
        worker.communicate(timeout=10)
        assert worker.returncode == 0


def tell(worker, line):
    assert worker.stdin is not None
    worker.stdin.write(line + "\n")
    worker.stdin.flush()


def answer(worker):
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


@pytest.mark.process
def test_of_32_threads_in_4_processes_exactly_one_is_the_probe(workers, health):
    for _ in range(5):
        health.record("sick.example", "refused")
    # Everybody's time is real: let the quarantine be over by writing so, rather than wait for it.
    health._store._store.update(
        "health",
        "sick.example",
        lambda text: json.dumps(json.loads(text or "") | {"until": 1.0}),
    )

    for worker in workers:
        tell(worker, "ask")
    probes = [probe for worker in workers for probe in json.loads(answer(worker))]

    assert len(probes) == 1
    assert probes[0] is not None
    assert health.get("sick.example").quarantine == "half_open"


@pytest.mark.process
def test_processes_that_record_at_once_lose_nothing(workers, health):
    for worker in workers:
        tell(worker, "record")
    for worker in workers:
        assert answer(worker) == "done"

    health.get("busy.example")
    found = dict(health._store.records())["busy.example"]

    assert found.evidence.calls == PROCESSES * 100
    assert 0.6 < found.evidence.success_rate < 0.85
