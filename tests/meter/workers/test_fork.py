"""A process may fork while its threads are counting: the child counts its own, and never hangs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

_FORKING = """
import os, sys, threading
import costmon.meter
from costmon.meter.wsgi import MeteredWSGI
from tests.meter.soak import requests

FORKS, EACH = 30, 100
sys.setswitchinterval(1e-5)
app = MeteredWSGI(requests.answer, port=None, service="forking", warmup_s=0)
done = threading.Event()

def work():
    while not done.is_set():
        requests.wsgi(app, 10)

def counted():
    return sum(row.requests for row in costmon.meter.snapshot().routes)

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
children = []
for _ in range(FORKS):
    child = os.fork()
    if not child:
        code = 1
        try:
            requests.wsgi(app, EACH)
            code = 0 if counted() == EACH else 2
        finally:
            os._exit(code)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
done.set()
for thread in threads:
    thread.join()
print(sorted(set(codes)), counted() > 0, costmon.meter.snapshot().faults)
costmon.meter.stop()
"""


@pytest.mark.process
@pytest.mark.timeout(120)
def test_children_that_are_forked_while_threads_count_count_only_their_own(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _FORKING],
        cwd=ROOT,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.stdout == "[0] True 0\n", done.stderr
