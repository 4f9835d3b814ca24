"""The example of a provider in a package of its own, installed as its users install it."""

import datetime as dt
import os
import re
import runpy
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from costmon.testing import Reply, StubServer
from tests.journeys.service import Service

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "provider-acme"
ACME = runpy.run_path(str(EXAMPLE / "tests" / "payloads.py"))
KEY = "planted-key-of-acme-0123456789"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build and install the package, beside one whose module cannot be imported."""
    site = tmp_path_factory.mktemp("site")
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *offline, "--target", site, EXAMPLE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (site / "costmon_broken.py").write_text("import a_module_that_is_not_there\n")
    metadata = site / "costmon_broken-3.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: costmon-broken\nVersion: 3.0\n"
    )
    (metadata / "entry_points.txt").write_text("[costmon.providers]\nbroken = costmon_broken\n")
    return site


@pytest.fixture
def vendor():
    """Serve a month in two pages: 0.01 for its first day on each."""
    with StubServer() as server:

        def costs(asked):
            start = dt.datetime.fromisoformat(asked.query["from"])
            if "cursor" in asked.query:
                return Reply.json(ACME["page"]([ACME["cost"](start, "0.01", "Storage")]))
            return Reply.json(ACME["page"]([ACME["cost"](start, "0.01", project="web")], "page-2"))

        server.script("/v1/costs", costs)
        server.answer("/v1/usage", Reply.json(ACME["USAGE"]))
        yield server


def environment(site):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}


def run(site, *arguments, cwd, **further):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**environment(site), **further},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_passes_the_contract_with_its_own_tests(site, tmp_path):
    options = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", EXAMPLE]
    done = run(site, "-m", "pytest", *options, EXAMPLE / "tests", cwd=tmp_path)

    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(r"\b[1-9]\d+ passed", done.stdout)


def test_the_service_reads_it_and_tells_why_another_package_is_off(site, tmp_path, vendor):
    given = {"ACME_API_KEY": KEY, "ACME_API_URL": vendor.url}
    with Service(tmp_path, PYTHONPATH=environment(site)["PYTHONPATH"], **given) as service:
        service.when("/readyz", 200)
        service.wait_for("persister.charges_recorded", count=13)
        charges = service.get("/api/v1/charges?group_by=service").json()["data"]
        rows = {row["name"]: row for row in service.get("/api/v1/providers").json()["data"]}
        metrics = service.get("/metrics").body.decode()
        code = service.terminate()

    assert code == 0
    billed = {(row["group"], row["currency"]): Decimal(row["billed"]) for row in charges}
    assert billed == dict.fromkeys([("Machines", "EUR"), ("Storage", "EUR")], Decimal("0.01"))
    assert rows["acme"]["state"] == "up"
    assert [gap["kind"] for gap in rows["acme"]["gaps"]] == ["support_hours"]
    assert rows["broken"]["state"] == "off"
    assert "costmon-broken 3.0: it cannot be imported" in rows["broken"]["reason"]
    assert re.search(
        r'^costmon_native_month_to_date_cost\S*"acme"\S* 0\.02$', metrics, re.MULTILINE
    )
    assert 'costmon_quota_used{account="acme",provider="acme",quota="requests"' in metrics
    assert {asked.headers["authorization"] for asked in vendor.asked} == {f"Bearer {KEY}"}
    assert {asked.method for asked in vendor.asked} == {"GET"}
    assert KEY not in "".join(service.raw)


def test_check_reads_it_and_fails_for_the_other_package_only(site, tmp_path, vendor):
    given = {"ACME_API_KEY": KEY, "ACME_API_URL": vendor.url, "COSTMON_PORT": "1"}

    done = run(site, "-m", "costmon", "check", cwd=tmp_path, **given)

    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert any(
        line.startswith("ok    acme") and "charges: 0.02 EUR in 2 rows" in line for line in lines
    )
    assert any(line.startswith("ok    acme") and "requests 1234 Requests" in line for line in lines)
    failed = [line for line in lines if line.startswith("FAIL")]
    assert [line for line in failed if "broken" not in line and "port" not in line] == []
    assert any(
        "costmon-broken 3.0: it cannot be imported: ModuleNotFoundError" in it for it in failed
    )


def test_a_guard_counts_a_call_to_its_host_for_the_vendor(site, tmp_path):
    code = (
        "import sys\n"
        "from costmon.guard import Guard\n"
        "from costmon.domain.vendor_hosts import provider_of\n"
        "assert 'importlib.metadata' not in sys.modules\n"
        "print(provider_of('api.acme.example'), provider_of('a.machines.acme.example'))\n"
        "print(provider_of('api.openai.com'), provider_of('example.org'))\n"
        "print([name for name in ('msgspec', 'requests', 'pykka') if name in sys.modules])"
    )

    done = run(site, "-c", code, cwd=tmp_path)

    assert done.stdout.splitlines() == ["acme acme", "openai None", "[]"], done.stderr
