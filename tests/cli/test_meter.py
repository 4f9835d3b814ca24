"""`costmon meter` on recordings: what it prints, and its exit codes."""

import contextlib
import csv
import datetime as dt
import http.server
import io
import json
import threading
from decimal import Decimal

import pytest

from costmon.cli import main
from costmon.cli.meter_report import dollars
from costmon.meter import recordings
from costmon.meter.dashboard.view import view_of
from costmon.meter.options import Options
from costmon.meter.price_list import prices_of
from costmon.meter.projection.projecting import project
from costmon.meter.reporting.files import Files
from costmon.meter.reporting.folders import make_private
from tests.meter.export.receiver import receiving
from tests.meter.sample import phase_of, row, snapshot


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))


@pytest.fixture
def run(capsys):
    def execute(*arguments):
        code = main(["meter", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return execute


@pytest.fixture
def recording(tmp_path):
    """Return a function that keeps rows in a file."""

    def keep(*rows, name="shop.json", **changes):
        path = tmp_path / name
        recordings.save(path, snapshot(*rows, **changes))
        return path

    return keep


@pytest.fixture
def measured(tmp_path):
    """Return a function that leaves what a worker of a service leaves."""

    def leave(*rows, service="shop", **changes):
        folder = tmp_path / "runtime" / "costmon" / "meter" / service
        make_private(folder)
        recordings.save(folder / "1-b.json", snapshot(*rows, service=service, **changes))

    return leave


@pytest.fixture
def collector():
    with receiving() as server:
        yield server


@contextlib.contextmanager
def served(body):
    """Answer every GET with a body, for as long as the context lasts."""

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = body()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


USERS = row("/api/users/{id}", cpu_ms=[5] * 150)
SEARCH = row("/search", cpu_ms=[50] * 150)
FEW = row("/rare", cpu_ms=[1] * 3)


def lines(text):
    return [line.split() for line in text.splitlines() if line]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (None, "?"),
        ("0", "0.00"),
        ("1234.5", "1,234.50"),
        ("0.01", "0.01"),
        ("0.5", "0.50"),
        ("0.0123", "0.012"),
        ("0.00000456", "0.0000046"),
        ("0.999", "1.00"),
    ],
)
def test_small_amounts_keep_two_digits_that_say_something(given, shown):
    assert dollars(given) == shown


# report


def test_the_report_has_the_fleet_and_every_endpoint(run, recording):
    code, out, _ = run("report", recording(USERS, SEARCH))

    assert code == 0
    assert "shop: $" in out
    assert "1,000 users on AWS us-east-1" in out
    rows = {line[1]: line for line in lines(out) if line[0] == "GET"}
    assert rows["/search"][2:4] == ["150", "50.000"]
    assert set(rows) == {"/search", "/api/users/{id}"}


def test_the_same_recording_can_be_asked_for_others_users_and_clouds(run, recording):
    file = recording(USERS)

    _, few, _ = run("report", file, "--json")
    _, many, _ = run("report", file, "--json", "--users", "100000", "--provider", "gcp")

    few, many = json.loads(few)["projection"], json.loads(many)["projection"]
    assert (few["target_users"], many["target_users"]) == (1000, 100_000)
    assert (many["provider"], many["region"]) == ("GCP", "us-central1")
    assert Decimal(many["monthly_usd"]) > 50 * Decimal(few["monthly_usd"])


def test_the_report_as_csv_is_exact_and_has_one_line_an_endpoint(run, recording):
    code, out, _ = run("report", recording(USERS, SEARCH, FEW), "--csv")

    rows = {line["route"]: line for line in csv.DictReader(io.StringIO(out))}
    assert code == 0
    assert set(rows) == {"/api/users/{id}", "/search", "/rare"}
    assert rows["/search"]["cpu_mean_ns"] == "50000000"
    assert rows["/rare"]["few"] == "True"


def test_the_report_as_markdown_keeps_hostile_names_in_their_cells(run, recording):
    hostile = row("/a|b`<script>*", cpu_ms=[5] * 150)

    code, out, _ = run("report", recording(hostile), "--markdown")

    assert code == 0
    (line,) = [line for line in out.splitlines() if "script" in line]
    assert line.startswith(r"| `` GET /a\|b`<script>* `` | 150 |")


def test_a_recording_without_requests_says_so_and_shows_no_money(run, recording):
    code, out, _ = run("report", recording())

    assert code == 0
    assert "No request has completed yet" in out
    assert "$" not in out


def test_a_recording_of_a_warm_up_shows_what_was_seen(run, recording):
    code, out, _ = run("report", recording(USERS, settled=phase_of()))

    assert code == 0
    assert "warm-up" in out
    assert ["GET", "/api/users/{id}", "150", "5.000", "10.000"] in lines(out)


def test_csv_of_nothing_is_a_failure_not_an_empty_list(run, recording):
    code, out, err = run("report", recording(), "--csv")

    assert (code, out) == (1, "")
    assert "No request has completed yet" in err


def test_what_is_measured_now_is_read_from_the_workers(run, measured):
    measured(USERS)

    code, out, _ = run("report")

    assert code == 0
    assert "/api/users/{id}" in out


def test_several_applications_have_to_be_told_apart(run, measured):
    measured(USERS, service="shop")
    measured(SEARCH, service="blog")

    code, _, err = run("report")
    assert code == 2
    assert "--service: blog, shop" in err

    code, out, _ = run("report", "--service", "blog")
    assert code == 0
    assert "/search" in out


@pytest.mark.parametrize("action", [["report"], ["check", "--total", "5"], ["save", "f.json"]])
def test_nothing_measured_is_a_failure_with_what_to_do(run, action):
    code, out, err = run(*action)

    assert (code, out) == (1, "")
    assert "costmon meter run" in err


def test_an_application_that_is_not_there_is_named_with_those_that_are(run, measured):
    measured(USERS)

    code, _, err = run("report", "--service", "blog")

    assert code == 1
    assert "'blog'" in err
    assert "shop" in err


@pytest.mark.parametrize(
    "options",
    [
        ["--provider", "IBM"],
        ["--region", "mars/1"],
        ["--users", "-5"],
        ["--budget", "no-money"],
        ["--instance", "m9.huge"],
        ["--prices", "missing.csv"],
    ],
)
def test_an_option_that_cannot_be_used_is_refused(run, recording, options):
    code, out, err = run("report", recording(USERS), *options)

    assert code == 2
    assert out == ""
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_no_recording_is_refused_by_name(run, tmp_path, content):
    (tmp_path / "other.json").write_bytes(content)

    code, _, err = run("report", "other.json")

    assert code == 2
    assert err.startswith("costmon: other.json is not a recording: ")


# save


def test_what_is_measured_now_can_be_kept_and_read_again(run, measured):
    measured(USERS)

    code, out, _ = run("save", "kept.json")

    assert (code, out) == (0, "kept.json: 150 requests of shop\n")
    assert "/api/users/{id}" in run("report", "kept.json")[1]


def test_a_recording_that_cannot_be_written_leaves_the_old_one(run, measured, tmp_path):
    measured(USERS)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "kept.json").mkdir()

    code, _, err = run("save", folder / "kept.json")

    assert code == 1
    assert err
    assert [path.name for path in folder.iterdir()] == ["kept.json"]


# record


@pytest.mark.parametrize("do", ["start", "stop", "reset"])
def test_workers_are_told_what_to_do_with_the_recording(run, measured, tmp_path, do):
    measured(USERS)

    code, out, _ = run("record", do)

    control = Files(tmp_path / "runtime" / "costmon" / "meter" / "shop").control()
    assert (code, out.startswith("shop ")) == (0, True)
    assert control is not None
    assert control.is_recording == (do != "stop")
    assert (control.recording == "r1") == (do == "stop")


def test_nobody_can_be_told_where_nothing_is_measured(run):
    assert run("record", "reset")[0] == 1


# check


def test_a_check_within_budget_exits_with_0_and_says_so(run, recording):
    code, out, _ = run("check", recording(USERS), "--budget", "GET /api/*=100000")

    assert code == 0
    assert "shop: within budget" in out


def test_an_endpoint_over_its_budget_exits_with_1_and_is_named(run, recording):
    code, out, _ = run(
        "check", recording(USERS, SEARCH), "--budget", "/search=0.01", "--budget", "/api/*=100000"
    )

    assert code == 1
    (finding,) = out.splitlines()
    assert finding.startswith("GET /search: $")
    assert finding.endswith("over $0.01")


def test_the_first_glob_that_fits_counts_and_0_is_no_budget(run, recording):
    code, _, _ = run("check", recording(SEARCH), "--budget", "/s*=0", "--budget", "/search=0.01")

    assert code == 0


def test_all_endpoints_together_can_have_a_budget(run, recording):
    code, out, _ = run("check", recording(USERS), "--total", "0.5")

    assert code == 1
    assert out.startswith("all endpoints together: $")


def test_the_budgets_of_the_application_itself_count_too(run, recording):
    options = Options(service="shop", budgets=(("/search", Decimal("0.01")),))

    code, out, _ = run("check", recording(SEARCH, options=options))

    assert code == 1
    assert "GET /search" in out


def test_its_general_budget_counts_where_no_glob_fits(run, recording):
    options = Options(service="shop", budget_usd=Decimal("0.01"))
    file = recording(SEARCH, options=options)

    assert run("check", file)[0] == 1
    assert run("check", file, "--budget", "/search=100000")[0] == 0
    assert run("check", file, "--budget-usd", "100000")[0] == 0


def test_a_glob_that_nothing_fits_is_no_success(run, recording):
    code, out, _ = run("check", recording(USERS), "--budget", "GET /apu/*=50")

    assert code == 1
    assert "GET /apu/* cannot be checked: no measured endpoint" in out


def test_an_endpoint_with_few_requests_is_no_success_unless_few_are_accepted(run, recording):
    file = recording(FEW)

    code, out, _ = run("check", file, "--budget", "/rare=100000")
    assert code == 1
    assert "cannot be checked: 3 requests, at least 100 are needed" in out

    assert run("check", file, "--budget", "/rare=100000", "--min-requests", "3")[0] == 0


def test_a_recording_without_requests_cannot_be_within_budget(run, recording):
    code, out, _ = run("check", recording(), "--budget", "/=5")

    assert code == 1
    assert "cannot be checked: No request has completed yet" in out


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--budget", "/=x"],
        ["--budget", "/"],
        ["--total", "-1"],
        ["--total", "NaN"],
        ["--total", "5", "--min-requests", "0"],
        ["--total", "5", "--min-requests", "many"],
    ],
)
def test_a_check_that_cannot_be_made_is_wrong_usage(run, recording, options):
    code, _, err = run("check", recording(USERS), *options)

    assert code == 2
    assert "use " in err


# diff

SLOW = row("/search", cpu_ms=[60, 62, 58] * 50)
AS_BEFORE = row("/search", cpu_ms=[50, 52, 48] * 50)
NEARLY = row("/search", cpu_ms=[50.1, 52.1, 48.1] * 50)


def test_more_cpu_than_chance_explains_fails_when_it_is_above_the_limit(run, recording):
    files = recording(AS_BEFORE, name="old.json"), recording(SLOW, name="new.json")

    code, out, _ = run("diff", *files, "--fail-above", "10%")
    assert code == 1
    assert "GET /search: +20.0%, above the limit of 10.0%" in out

    assert run("diff", *files, "--fail-above", "25")[0] == 0
    assert run("diff", *files)[0] == 0


def test_what_may_be_chance_is_said_and_does_not_fail(run, recording):
    files = recording(AS_BEFORE, name="old.json"), recording(NEARLY, name="new.json")

    code, out, _ = run("diff", *files, "--fail-above", "0")

    assert code == 0
    assert "not significant" in out


def test_endpoints_that_came_or_went_are_shown(run, recording):
    files = recording(USERS, name="old.json"), recording(SEARCH, name="new.json")

    code, out, _ = run("diff", *files, "--fail-above", "5%")

    assert code == 0
    assert "only in new" in out
    assert "only in old" in out
    assert "no endpoint is in both recordings" in out


def test_the_difference_as_json_is_whole(run, recording):
    files = recording(AS_BEFORE, name="old.json"), recording(SLOW, FEW, name="new.json")

    code, out, _ = run("diff", *files, "--json", "--fail-above", "10%")

    found = json.loads(out)
    assert code == 1
    assert found["above"] == ["GET /search"]
    assert [change["verdict"] for change in found["changes"]] == ["slower", "new"]
    assert Decimal(found["ratio"]) == Decimal("0.2")


def test_a_recording_without_requests_cannot_be_compared(run, recording):
    full, empty = recording(SLOW, name="full.json"), recording(name="empty.json")
    warm = recording(SLOW, name="warm.json", settled=phase_of())

    code, _, err = run("diff", full, empty)
    assert (code, "empty.json has no requests" in err) == (1, True)

    code, _, err = run("diff", warm, full)
    assert (code, "--warmup-s 0" in err) == (1, True)


def test_recordings_that_overlap_or_are_of_other_machines_are_said_to_be(run, recording):
    old = recording(SLOW, name="old.json")
    new = recording(SLOW, name="new.json", host="elsewhere", started_at=1_790_000_500.0)

    assert "run `costmon meter record reset` between the two" in run("diff", old, old)[1]
    assert "different machines: host and elsewhere" in run("diff", old, new)[1]
    assert "run `costmon meter record reset` between the two" not in run("diff", old, new)[1]


@pytest.mark.parametrize("text", ["ten", "-5%", "inf"])
def test_a_limit_that_is_no_percentage_is_refused(run, recording, text):
    file = recording(SLOW)

    code, _, err = run("diff", file, file, f"--fail-above={text}")

    assert code == 2
    assert "10%" in err


# export


def test_prometheus_gets_endpoints_and_their_cost(run, recording):
    code, out, _ = run("export", "prometheus", recording(USERS))

    assert code == 0
    assert 'costmon_endpoint_requests_total{app="shop",endpoint="/api/users/{id}"' in out
    assert "costmon_endpoint_cost_usd_total" in out


def test_an_export_replaces_its_file_whole(run, recording, tmp_path):
    (tmp_path / "shop.prom").write_text("old")

    code, out, _ = run("export", "prometheus", recording(USERS), "-o", "shop.prom")

    assert (code, out) == (0, "")
    assert (tmp_path / "shop.prom").read_text().startswith("# HELP costmon_endpoint_requests_total")
    assert {path.name for path in tmp_path.iterdir()} == {"runtime", "shop.json", "shop.prom"}


def test_opentelemetry_gets_json_lines(run, recording):
    code, out, _ = run("export", "otlp", recording(USERS))

    assert code == 0
    assert [list(json.loads(line)) for line in out.splitlines()] == [["resourceMetrics"]]


def test_a_collector_is_posted_to_with_headers_from_a_file(run, recording, collector, tmp_path):
    (tmp_path / "headers").write_text("X-Key: s3cret\n\nX-Other:  b \n")

    code, out, _ = run(
        *("export", "otlp", recording(USERS)),
        *("--endpoint", collector.url, "--header-file", "headers"),
    )

    assert (code, out) == (0, f"{collector.url}/v1/metrics: 1 requests sent\n")
    ((path, headers, _),) = collector.received
    assert (path, headers["X-Key"], headers["X-Other"]) == ("/v1/metrics", "s3cret", "b")


def test_a_collector_that_refuses_is_a_failure(run, recording, collector):
    collector.answer = (503, b"")

    code, _, err = run("export", "otlp", recording(USERS), "--endpoint", collector.url)

    assert code == 1
    assert "answered 503" in err


def test_a_header_that_is_none_is_named_by_its_line_only(run, recording, tmp_path):
    (tmp_path / "headers").write_text("X-Key: a\ns3cret\n")

    code, _, err = run(
        *("export", "otlp", recording(USERS)),
        *("--endpoint", "http://127.0.0.1:1", "--header-file", "headers"),
    )

    assert code == 2
    assert "line 2" in err
    assert "s3cret" not in err


@pytest.mark.parametrize(
    "options",
    [
        ["prometheus", "--endpoint", "http://127.0.0.1:1"],
        ["prometheus", "--bill", "5"],
        ["otlp", "--bill", "5"],
        ["otlp", "--header-file", "h"],
        ["otlp", "--endpoint", "http://127.0.0.1:1", "-o", "file"],
        ["otlp", "--endpoint", "ftp://127.0.0.1"],
    ],
)
def test_options_that_do_not_go_with_the_form_are_refused(run, recording, options):
    form, *rest = options

    code, out, err = run("export", form, recording(USERS), *rest)

    assert (code, out) == (2, "")
    assert err


def test_a_bill_is_divided_among_endpoints_to_the_last_cent(run, recording):
    code, out, _ = run(
        *("export", "focus", recording(USERS, SEARCH)),
        *("--bill", "1234.56", "--month", "2026-10", "--account", "0012"),
    )

    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [row["AllocatedResourceName"] for row in rows] == [
        "GET /search",
        "GET /api/users/{id}",
        "unallocated",
    ]
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal("1234.56")
    assert {row["BillingAccountId"] for row in rows} == {"0012"}
    assert {row["x_CostBasis"] for row in rows} == {"billed"}


def test_without_a_bill_what_is_projected_is_divided(run, recording):
    file = recording(USERS)
    projected = json.loads(run("report", file, "--json")[1])["projection"]["monthly_usd"]

    code, out, _ = run("export", "focus", file)

    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert sum(Decimal(row["ListCost"]) for row in rows) == Decimal(projected)
    assert sum(Decimal(row["BilledCost"]) + Decimal(row["EffectiveCost"]) for row in rows) == 0
    assert not any("Amazon" in row["InvoiceIssuerName"] for row in rows)
    assert {row["Tags"] for row in rows} == {'{"costmon:projection": true}'}
    assert all(row["ChargeDescription"].startswith("Projection") for row in rows)
    assert {row["x_CostBasis"] for row in rows} == {"list_price"}


def test_a_bill_cannot_be_divided_by_nothing(run, recording):
    code, out, err = run("export", "focus", recording(), "--bill", "5")

    assert (code, out) == (1, "")
    assert "No request has completed yet" in err


@pytest.mark.parametrize(
    "options",
    [
        ["--bill", "much"],
        ["--bill=-5"],
        ["--bill", "NaN"],
        ["--bill", "5", "--month", "2026-13"],
        ["--currency", "EUR"],
    ],
)
def test_a_bill_that_is_none_is_refused(run, recording, options):
    assert run("export", "focus", recording(USERS), *options)[0] == 2


# --url


@pytest.fixture
def dashboard(tmp_path):
    """Return the address of a dashboard that shows a recording."""
    answer = {"data": None}
    with served(lambda: json.dumps(answer).encode()) as url:
        yield url, answer


def viewed(snapshot):
    projected = project(snapshot, prices_of(snapshot.options), today=dt.date(2026, 11, 21))
    return {"data": view_of(snapshot, projected), "meta": {"services": [snapshot.service]}}


def test_a_dashboard_or_service_can_be_asked(run, dashboard):
    url, answer = dashboard
    answer.update(viewed(snapshot(USERS, SEARCH)))

    code, out, _ = run("report", "--url", url)
    assert code == 0
    assert "/api/users/{id}" in out

    assert run("check", "--url", url, "--budget", "/search=0.01")[0] == 1
    assert run("check", "--url", url, "--budget", "/search=100000")[0] == 0
    assert run("check", "--url", url, "--budget-usd", "0.01")[0] == 1


def test_json_of_a_server_is_what_it_said(run, dashboard):
    url, answer = dashboard
    answer.update(viewed(snapshot(USERS)))

    assert json.loads(run("report", "--url", url, "--json")[1]) == answer["data"]


def test_nothing_reported_there_is_a_failure(run, dashboard):
    code, _, err = run("report", "--url", dashboard[0])

    assert code == 1
    assert "no application reports" in err


def test_what_is_no_dashboard_is_said_to_be_none(run, dashboard):
    url, answer = dashboard
    answer.clear()

    code, _, err = run("report", "--url", url)

    assert code == 2
    assert "is not a meter dashboard" in err


@pytest.mark.parametrize(
    "options",
    [
        ["--url", "https://a.example"],
        ["--url", "localhost:7777"],
        ["--url", "http://h:x"],
        ["--url", "http://127.0.0.1:1", "--provider", "GCP"],
        ["--url", "http://127.0.0.1:1", "--budget", "/=5"],
        ["--url", "http://127.0.0.1:1", "file.json"],
    ],
)
def test_what_cannot_be_asked_is_refused(run, options):
    code, _, err = run("report", *options)

    assert code == 2
    assert err


def test_nobody_there_is_a_failure(run):
    with served(bytes) as url:
        pass

    code, _, err = run("report", "--url", url)

    assert code == 1
    assert url in err


# calibrate


def test_this_machine_is_compared_with_a_vcpu_and_the_doubt_is_said(run):
    code, out, _ = run("calibrate")

    assert code == 0
    assert out.startswith("cpu_factor ")
    assert "machine types differ" in out


def test_a_reference_of_ones_own_leaves_less_doubt(run):
    code, out, _ = run("calibrate", "--json", "--reference-ns", "200")

    found = json.loads(out)
    assert code == 0
    assert found["reference_ns"] == "200"
    assert Decimal(found["low"]) <= Decimal(found["cpu_factor"]) <= Decimal(found["high"])


@pytest.mark.parametrize("text", ["fast", "0", "-5", "NaN"])
def test_a_reference_that_is_none_is_refused(run, text):
    assert run("calibrate", f"--reference-ns={text}")[0] == 2
