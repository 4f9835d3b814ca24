"""The wheel without any other package: libraries and commands that need the standard library only.

What they print is compared with what the same commands print where everything is installed.
"""

import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

import pytest

from costmon import __version__
from costmon.cli.command import SERVICE_MODULES
from tests.architecture.installed import environment, run
from tests.journeys.service import Service, free_port

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

NO_DOTENV = "costmon: .env is ignored: python-dotenv is not installed"


@pytest.fixture
def costmon(bare, tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a command on the bare wheel."""

    def execute(*arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
        command = ("-m", "costmon", *map(str, arguments))
        return run(bare, *command, cwd=tmp_path, XDG_RUNTIME_DIR=str(tmp_path), **environ)

    return execute


@pytest.fixture
def printed_by_both(costmon, tmp_path) -> Callable[..., str]:
    """Return a function that runs a command here and where all is installed, and compares."""

    def execute(*arguments: object) -> str:
        told: subprocess.CompletedProcess[str] = costmon(*arguments)
        command = ("-m", "costmon", *map(str, arguments))
        full = run(sys.executable, *command, cwd=tmp_path, XDG_RUNTIME_DIR=str(tmp_path))
        assert (told.returncode, told.stdout, told.stderr) == (
            full.returncode,
            full.stdout,
            full.stderr,
        )
        return told.stdout

    return execute


def test_the_guard_works_on_the_wheel_and_the_standard_library_alone(bare, tmp_path):
    program = """
import sys
before = set(sys.modules)
import costmon.guard
theirs = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(theirs - set(sys.stdlib_module_names)))
from costmon.guard import Budget, BudgetRefused, Guard
guard = Guard("sqlite:///guard.db", [Budget("global", "0.05", "total")])
for _ in range(5):
    guard.reserve("host:api.openai.com", "0.01").settle()
try:
    guard.reserve("global", "0.01")
except BudgetRefused as refused:
    print(refused.scope, refused.spent, guard.spent("provider:openai"))
guard.health.record("api.openai.com", "timeout", 1.0)
print(guard.retry("api.openai.com", lambda: "answered"))
guard.close()
"""

    done = run(bare, "-c", program, cwd=tmp_path)

    assert done.stdout.splitlines() == ["['costmon']", "global 0.05 0.05", "answered"], done.stderr


def test_the_meter_works_on_the_wheel_and_the_standard_library_alone(bare, tmp_path):
    program = """
import os, sys, threading, urllib.request, wsgiref.simple_server
os.environ["XDG_RUNTIME_DIR"] = os.getcwd()
import costmon.meter
from costmon.meter.wsgi import MeteredWSGI

class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *told):
        pass

def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

metered = MeteredWSGI(application, service="bare", port=0)
server = wsgiref.simple_server.make_server("127.0.0.1", 0, metered, handler_class=Quiet)
serving = threading.Thread(target=server.serve_forever)
serving.start()
for _ in range(3):
    urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/").read()
server.shutdown()
serving.join()
server.server_close()
(row,) = costmon.meter.snapshot().routes
print(row.method, row.route, row.status, row.requests, row.bytes_out, row.cpu_ns > 0)
costmon.meter.stop()
theirs = {name.partition(".")[0] for name in sys.modules}
print(sorted(theirs & {"flask", "msgspec", "structlog", "requests", "pykka", "sqlalchemy"}))
"""

    done = run(bare, "-c", program, cwd=tmp_path)

    told = ["GET (unmatched) 200 3 6 True", "[]"]
    assert (done.stdout.splitlines(), done.stderr) == (told, "")


def test_the_wheel_requires_no_package_without_an_extra(wheel):
    required = metadata_of(wheel).get_all("Requires-Dist") or []

    assert [text for text in required if "extra ==" not in text] == []


def test_the_service_is_asked_for_all_packages_of_its_extra(wheel):
    distributions = importlib.metadata.packages_distributions()
    needed = {normalized(distributions[name][0]) for name in SERVICE_MODULES}

    required = {
        normalized(re.split(r"[^\w.-]", text)[0])
        for text in metadata_of(wheel).get_all("Requires-Dist") or []
        if re.search(r"""extra == ['"]service['"]""", text)
    }

    assert required == needed


def test_version_and_help_are_told(costmon):
    assert costmon("--version").stdout == f"costmon {__version__}\n"
    assert "meter" in costmon("--help").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "--demo"],
        ["init"],
        ["check", "--offline"],
        ["db", "upgrade"],
        ["console"],
        ["components"],
    ],
)
def test_what_needs_the_service_says_in_one_line_what_to_install(costmon, tmp_path, arguments):
    (tmp_path / ".env").write_text("DO_API_TOKEN=x\n")

    done = costmon(*arguments)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert 'pip install "costmon[service]"' in done.stderr
    assert f"`costmon {arguments[0]}`" in done.stderr


def test_an_env_file_is_named_once_where_it_cannot_be_read(costmon, tmp_path):
    command = ("guard", "set", "global", "--limit", "5", "--store", "sqlite:///guard.db")
    without = costmon(*command)
    (tmp_path / ".env").write_text("COSTMON_PROT=1\n")

    done = costmon(*command)

    assert (without.returncode, without.stderr) == (0, "")
    assert (done.returncode, done.stdout) == (0, without.stdout)
    assert done.stderr == f"{NO_DOTENV}: pip install python-dotenv\n"


def test_an_env_file_that_was_named_cannot_be_ignored(costmon, tmp_path):
    (tmp_path / "my.env").write_text("COSTMON_PORT=1\n")

    done = costmon("costs", "--env-file", "my.env")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "my.env cannot be read" in done.stderr
    assert "pip install python-dotenv" in done.stderr


@pytest.mark.parametrize(
    ("url", "extra"),
    [
        ("postgresql://me:hunter2@db.example/costs", "postgres"),
        ("redis://:hunter2@db.example/0", "redis"),
    ],
)
def test_a_store_without_its_driver_is_one_line_that_names_the_extra(costmon, url, extra):
    done = costmon("guard", "status", "--store", url)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f'pip install "costmon[{extra}]"' in done.stderr
    assert "hunter2" not in done.stderr


SPENDING = """
from costmon.guard import Budget, BudgetRefused, Guard
with Guard("sqlite:///guard.db", [Budget("host:a.example", "2", "total")]) as guard:
    guard.reserve(["host:a.example", "key:batch"], "0.5").settle("0.40")
    guard.reserve("host:a.example", "0.25", ttl=86_400)
    try:
        guard.reserve("host:a.example", "1.50")
    except BudgetRefused:
        print("refused")
"""


def test_a_budget_is_set_watched_and_reset_in_a_store(bare, costmon, printed_by_both, tmp_path):
    store = ("--store", "sqlite:///guard.db")
    status = ("guard", "status", *store, "--budget", "host:a.example=2/total")

    changed = costmon("guard", "set", "host:a.example", "--limit", "3", "--period", "day", *store)
    spent = run(bare, "-c", SPENDING, cwd=tmp_path)
    before = rows_of(printed_by_both(*status))
    top = rows_of(printed_by_both("guard", "top", *store))
    reset = costmon("guard", "reset", "host:a.example", "--period", "total", "--yes", *store)
    after = rows_of(printed_by_both(*status))

    assert changed.stdout == "host:a.example may spend 3.00 USD (period: day)\n"
    assert spent.stdout == "refused\n", spent.stderr
    assert ["host:a.example", "total", "2.00", "0.40", "0.25", "1.35"] in before
    assert ["host:a.example", "0.40", "1"] in [row[:3] for row in top]
    assert ["key:batch", "0.40", "1"] in [row[:3] for row in top]
    assert reset.stdout.startswith("forgot 0.40 USD that host:a.example had spent")
    assert ["host:a.example", "total", "2.00", "0.00", "0.25", "1.75"] in after


def test_budgets_are_simulated(costmon, printed_by_both, tmp_path):
    (tmp_path / "calls.csv").write_text(
        "time,amount,host\n"
        "2026-11-01T10:00:00Z,0.60,a.example\n"
        "2026-11-01T10:00:01Z,0.60,a.example\n"
        "2026-11-02T10:00:00Z,0.60,b.example\n"
    )

    told = printed_by_both("guard", "simulate", "calls.csv", "--budget", "host:a.example=1/day")
    plain = json.loads(
        printed_by_both("guard", "simulate", "calls.csv", "--budget", "global=1", "--json")
    )

    assert told.startswith("3 calls: 2 allowed, 1 refused\n")
    assert (plain["allowed"], plain["refused"]) == (1, 2)


def test_prices_are_shown_and_imported(costmon, printed_by_both, tmp_path):
    page = printed_by_both("prices", "show", "--provider", "aws", "--type", "m5.*")
    summary = printed_by_both("prices", "show")
    regions = json.loads(printed_by_both("prices", "show", "--provider", "gcp", "--json"))
    (tmp_path / "list.csv").write_text(
        "provider,region,instance_type,vcpu,memory_gib,arch,baseline,hourly_usd,as_of,source\n"
        "AWS,us-east-1,m5.large,2,8,x86_64,1,0.050,2026-11-01,contract\n"
    )
    imported = costmon("prices", "import", "list.csv", "--format", "own", "-o", "mine.csv")
    own = costmon(
        "prices", "show", "--provider", "aws", "--type", "m5.large", "--prices", "mine.csv"
    )

    assert "m5.large" in page
    assert {"AWS", "GCP", "AZURE"} <= {row[0] for row in rows_of(summary)}
    assert regions["regions"][0]["instances"]
    assert imported.returncode == 0, imported.stderr
    assert "yours" in own.stdout, own.stderr


MEASURED = """
import socket, sys, threading
from wsgiref.util import setup_testing_defaults
import costmon.meter
from costmon.meter.process import METER
from costmon.meter.wsgi import MeteredWSGI

def application(environ, start_response):
    sum(range(20_000))
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

port = int(sys.argv[1]) or None
metered = MeteredWSGI(application, service="shop", port=port, warmup_s=0)
for _ in range(120):
    environ = {}
    setup_testing_defaults(environ)
    list(metered(environ, lambda status, headers: None))
METER.flush()
while port is not None:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        break
    except ConnectionRefusedError:
        threading.Event().wait(0.02)
print("measured", flush=True)
sys.stdin.read()
costmon.meter.stop()
"""


@pytest.fixture
def dashboard(bare, tmp_path):
    """Run an application on the bare wheel, until the test ends; return its dashboard's URL."""
    port = free_port()
    with subprocess.Popen(
        [bare, "-c", MEASURED, str(port)],
        cwd=tmp_path,
        env=environment() | {"XDG_RUNTIME_DIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "measured\n"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stdin.close()
            assert process.wait(30) == 0


def test_a_running_application_is_reported_saved_and_reset(costmon, dashboard):
    live = json.loads(costmon("meter", "report", "--json", "--url", dashboard).stdout)
    saved = costmon("meter", "save", "shop.json")
    reset = costmon("meter", "record", "reset")

    assert (live["service"], live["requests"]) == ("shop", 120)
    assert saved.stdout == "shop.json: 120 requests of shop\n", saved.stderr
    assert reset.stdout.startswith("shop resets its figures"), reset.stderr


@pytest.fixture
def recording(bare, costmon, tmp_path):
    """Keep what an application on the bare wheel has measured in `shop.json`."""
    run(bare, "-c", MEASURED, "0", cwd=tmp_path, XDG_RUNTIME_DIR=str(tmp_path))
    saved = costmon("meter", "save", "shop.json")
    assert saved.stdout == "shop.json: 120 requests of shop\n", saved.stderr


@pytest.mark.usefixtures("recording")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report", "shop.json"], "GET (unmatched)       120"),
        (["report", "shop.json", "--json"], '"requests": 120'),
        (["report", "shop.json", "--csv"], ",120,"),
        (["report", "shop.json", "--markdown"], "| 120 |"),
        (["check", "shop.json", "--total", "100000"], "within budget"),
        (["check", "shop.json", "--budget", "GET *=0.01"], "GET (unmatched)"),
        (["diff", "shop.json", "shop.json"], "120 -> 120"),
        (["export", "prometheus", "shop.json"], 'status="200"} 120'),
        (["export", "otlp", "shop.json"], '"stringValue": "shop"'),
        (["export", "focus", "shop.json", "--bill", "100", "--account", "1"], "GET (unmatched)"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_a_recording_is_judged_as_where_everything_is_installed(printed_by_both, arguments, words):
    assert words in printed_by_both("meter", *arguments)


def test_a_machine_is_calibrated(costmon):
    told = json.loads(costmon("meter", "calibrate", "--json").stdout)

    assert float(told["cpu_factor"]) > 0


def test_a_program_of_another_environment_is_run_metered(costmon, tmp_path):
    (tmp_path / "app.py").write_text(
        "import flask\n"
        "app = flask.Flask('shop')\n"
        "app.get('/cart')(lambda: 'ok')\n"
        "client = app.test_client()\n"
        "print(sum(client.get('/cart').status_code == 200 for _ in range(5)))\n"
    )
    options = ("--no-dashboard", "--warmup-s", "0", "--service", "shop")

    done = costmon("meter", "run", *options, "--", sys.executable, "app.py")
    report = costmon("meter", "report", "--json")

    assert (done.returncode, done.stdout) == (0, "5\n"), done.stderr
    assert '"/cart"' in report.stdout, report.stderr
    assert json.loads(report.stdout)["requests"] == 5


def test_a_running_service_is_asked_over_http(costmon, tmp_path):
    # A short path: the state directory holds a Unix socket.
    with (
        tempfile.TemporaryDirectory(prefix="costmon-") as folder,
        Service(
            Path(folder),
            "--demo",
            COSTMON_POLL_INTERVAL="0.3s",
            XDG_RUNTIME_DIR=str(tmp_path),
        ) as service,
    ):
        service.when("/readyz", 200)
        where = ("--port", service.port)

        told = {
            words: costmon(*words.split(), *where)
            for words in (
                "status",
                "costs",
                "history",
                "circuits",
                "circuits open host:a.example --reason test",
                "guard set host:a.example --limit 5",
                "guard status",
                "guard top",
            )
        }

        failed = {words: done for words, done in told.items() if done.returncode or done.stderr}
        assert failed == {}
        assert told["status"].stdout.startswith("ready\n")
        assert told["costs"].stdout.startswith("DEMO")
        assert "host:a.example is open" in told["circuits open host:a.example --reason test"].stdout
        assert "5.00 USD" in told["guard set host:a.example --limit 5"].stdout


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return BytesParser().parsebytes(archive.read(name))


def normalized(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def rows_of(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line]
