"""Prometheus asks the application itself: a process of its own, since its meter is one."""

import os
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.process

PROGRAM = """
from flask import Flask
from costmon.meter.export.scrape import CONTENT_TYPE, metrics
from costmon.meter.flask import CostMeter
import costmon.meter

app = Flask("shop")
CostMeter(app, port=None)

@app.get("/users/<int:uid>")
def user(uid):
    return {"uid": uid}

@app.get("/metrics")
def scrape():
    return metrics(), {"Content-Type": CONTENT_TYPE}

client = app.test_client()
for number in range(5):
    client.get(f"/users/{number}")
answer = client.get("/metrics")
assert answer.content_type == CONTENT_TYPE, answer.content_type
print(answer.text)
costmon.meter.stop()
"""


def test_an_application_can_be_scraped(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert (done.returncode, done.stderr) == (0, "")
    found = {
        (sample.name, sample.labels.get("endpoint")): sample.value
        for family in text_string_to_metric_families(done.stdout)
        for sample in family.samples
    }
    assert found["costmon_endpoint_requests_total", "/users/<int:uid>"] == 5
    assert found["costmon_endpoint_cost_usd_total", "/users/<int:uid>"] > 0
