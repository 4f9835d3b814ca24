"""A hundredth of the soak, and what grows with what strangers send: nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_a_hundred_thousand_requests_leave_nothing_in_memory(tmp_path):
    done = run(tmp_path, "-m", "tests.meter.soak", "--requests", "100000")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "the aggregate counted 40,000 of 40,000" in done.stdout
    assert "the WSGI wrapper counted 40,000 of 40,000" in done.stdout
    assert "the ASGI wrapper counted 20,000 of 20,000" in done.stdout


_SCANNER = """
import costmon.meter
from flask import Flask
from costmon.meter.flask import CostMeter
from tests.meter.burn import drive

app = Flask("scanned")
CostMeter(app, port=None)

@app.get("/")
def index():
    return "index"

drive.wsgi(app, ["/", *(f"/wp-admin/{number}.php" for number in range(10_000))], 4)
for row in costmon.meter.snapshot().routes:
    print(row.method, row.route, row.status, row.requests)
costmon.meter.stop()
"""


def test_ten_thousand_paths_of_a_scanner_are_one_row(tmp_path):
    done = run(tmp_path, "-c", _SCANNER)

    assert done.stdout.splitlines() == ["GET (unmatched) 404 10000", "GET / 200 1"], done.stderr
