"""With a real server: restarts, replaced workers, the recipe for CI, and projects called `app`."""

import tempfile
from pathlib import Path

import pytest

from costmon.cli import main
from costmon.meter.reporting.source import FileSource
from tests.meter.burn import servers

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

# A gunicorn whose only worker is replaced has no worker in between.
_GUNICORN = (
    *("gunicorn", "-b", "127.0.0.1:{port}", "--no-control-socket", "--max-requests", "5"),
    *("--graceful-timeout", "5", "app:app"),
)
_APP = """
import time
from flask import Flask
from costmon.meter.flask import CostMeter

app = Flask(__name__)
CostMeter(app, port=None, warmup_s=0)

@app.get("/")
def index():
    ends_ns = time.thread_time_ns() + {ms} * 1_000_000
    while time.thread_time_ns() < ends_ns:
        pass
    return "done"
"""


def test_each_start_of_each_project_is_judged_by_its_own_run(tmp_path, monkeypatch, capsys):
    with tempfile.TemporaryDirectory(prefix="costmon-") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)

        def run(project, ms, requests):
            folder = tmp_path / project
            folder.mkdir(exist_ok=True)
            (folder / "app.py").write_text(_APP.format(ms=ms))
            command = (*_GUNICORN[:1], "--chdir", str(folder), *_GUNICORN[1:])
            environment = {"XDG_RUNTIME_DIR": runtime, "PYTHONDONTWRITEBYTECODE": "1"}
            output = tmp_path / f"{project}.txt"
            with servers.running(command, output=output, environment=environment) as server:
                server.load(["/"] * requests, 1)
            monkeypatch.chdir(folder)
            budget = ("--budget", "GET /=400", "--min-requests", "1")
            return main(["meter", "check", *budget])

        slow = run("a", 20, 12)
        fixed = run("a", 2, 8)
        run("b", 2, 3)

        found = {
            it.service: sum(row.requests for row in it.routes)
            for it in FileSource(Path(runtime) / "costmon" / "meter").services()
        }
    assert (slow, fixed) == (1, 0), capsys.readouterr().out
    assert found == {f"app in {tmp_path}/a": 8, f"app in {tmp_path}/b": 3}
