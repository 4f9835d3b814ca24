"""`costmon backtest` on files and on what guards have reported."""

import datetime as dt
import json
import random
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from costmon.alerts.spend import spend_found
from costmon.cli import main
from costmon.cli.backtest_input import from_history
from costmon.clock import SystemClock
from costmon.domain.change import AlertChange
from costmon.domain.finding import Series
from costmon.store import Retention, open_store
from costmon.store.migrate import upgrade
from costmon.testing.clock import FakeClock
from costmon.testing.spend import guard_report, spend_row
from tests.alerts.findings import spend_finding
from tests.store.charges import charge, window

START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
BURN = range(20 * 24, 20 * 24 + 6)


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def amounts():
    rng = random.Random(3)
    return [
        (START + n * HOUR, Decimal(f"{rng.uniform(8, 12) * (50 if n in BURN else 1):.4f}"))
        for n in range(24 * 24)
    ]


def test_a_csv_file_is_replayed_with_what_burned_before_it_was_found(tmp_path, capsys):
    path = tmp_path / "spend.csv"
    lines = [f"{(at + HOUR).isoformat()},{amount},api" for at, amount in amounts()]
    path.write_text("time,amount,series\n" + "\n".join(lines))

    assert main(["backtest", "--csv", str(path), "--json"]) == 0

    answer = json.loads(capsys.readouterr().out)
    assert answer["meta"] == {
        "series": 1,
        "samples": 24 * 24,
        "rules": 0,
        "false_alarms": 0,
        "incidents": None,
        "incidents_missed": None,
    }
    assert {it["label"] for it in answer["data"]} == {None}
    (row,) = [it for it in answer["data"] if not it["quiet"]]
    began = START + BURN.start * HOUR
    assert row["series"] == "api"
    assert dt.datetime.fromisoformat(row["found_at"]) - began <= 2 * HOUR
    assert 0 < row["burned_before"] < row["burned"]
    assert row["over_at"] is not None


def test_what_guards_reported_is_replayed_and_shown_as_a_table(tmp_path, capsys, monkeypatch):
    url = f"sqlite:///{tmp_path / 'past.db'}"
    upgrade(url)
    rows = [spend_row(amount, hour=hour) for hour, amount in amounts()]
    with open_store(url, clock=SystemClock()) as store:
        forever = Retention(guard_spend=float("inf"))
        store.record_report(guard_report(1, rows), forever, store.claim("persister"))

    monkeypatch.setenv("COSTMON_DATABASE_URL", url)

    assert main(["backtest"]) == 0

    heading, *lines, summary = capsys.readouterr().out.splitlines()
    assert heading.split()[:4] == ["found", "source", "series", "cause"]
    assert summary.endswith("0 broken rules in 1 series")
    assert any("global" in line and "2026-03-22" in line for line in lines)


def test_findings_outside_known_incidents_are_false_alarms(tmp_path, capsys):
    path, labels = tmp_path / "spend.csv", tmp_path / "labels.json"
    lines = [f"{(at + HOUR).isoformat()},{amount},api" for at, amount in amounts()]
    path.write_text("time,amount,series\n" + "\n".join(lines))
    began = START + BURN.start * HOUR
    before = [(began - 30 * HOUR).isoformat(), (began - 20 * HOUR).isoformat()]
    outside = [(began + 900 * HOUR).isoformat(), (began + 901 * HOUR).isoformat()]
    during = [began.isoformat(), (began + 6 * HOUR).isoformat()]

    told = []
    for incidents in ([before, outside], [before, during]):
        labels.write_text(json.dumps({"api": incidents}))
        assert main(["backtest", "--csv", str(path), "--labels", str(labels), "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        meta = answer["meta"]
        rows = [it["label"] for it in answer["data"] if not it["quiet"]]
        told.append((rows, meta["false_alarms"], meta["incidents"], meta["incidents_missed"]))
    assert main(["backtest", "--csv", str(path), "--labels", str(labels)]) == 0

    assert told == [(["false alarm"], 1, 1, 1), (["incident"], 0, 2, 1)]
    assert capsys.readouterr().out.strip().endswith("; 1 of 2 incidents, 0 false alarms")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"api": 3}',
        '{"api": [["2026-11-21T10:00:00Z"]]}',
        '{"api": [["2026-11-21T10:00:00Z", "2026-11-21T09:00:00Z"]]}',
        '{"api": [["2026-11-21T10:00:00", "2026-11-21T11:00:00"]]}',
    ],
)
def test_labels_that_are_not_valid_are_refused_in_one_line(tmp_path, capsys, text):
    labels = tmp_path / "labels.json"
    labels.write_text(text)

    assert main(["backtest", "--csv", str(labels), "--labels", str(labels)]) == 2

    assert capsys.readouterr().err.count("\n") == 1


def test_what_people_have_acknowledged_is_a_false_alarm_with_what_was_part_of_it(
    tmp_path, capsys, monkeypatch
):
    url = f"sqlite:///{tmp_path / 'past.db'}"
    upgrade(url)
    hours = [spend_row(amount, hour=hour) for hour, amount in amounts()]
    parts = [row._replace(scope=scope) for row in hours for scope in ("tag:a", "tag:b")]
    began = START + BURN.start * HOUR
    whole = spend_finding(since=began, opened_at=began + HOUR, at=began + 3 * HOUR)
    part = spend_finding(
        series=Series("tag:a", "USD"), id="f2", part_of=whole.id, since=began, at=began + 3 * HOUR
    )
    fine = AlertChange("a", spend_found(whole).name, "ann", "", began + 2 * HOUR, None)
    later = fine._replace(id="b", condition="finding:tag:b:USD:burst", snoozed_until=began)
    with open_store(url, clock=SystemClock()) as store:
        token = store.claim("persister")
        for number, rows in enumerate((hours, parts), 1):
            forever = Retention(guard_spend=float("inf"))
            store.record_report(guard_report(number, rows), forever, token)
        store.save_watches({}, (whole, part), None, (), store.claim("detection"))
        for change in (fine, later):
            store.apply_change(change, token)
    monkeypatch.setenv("COSTMON_DATABASE_URL", url)

    assert main(["backtest", "--json"]) == 0

    answer = json.loads(capsys.readouterr().out)
    loud = {(it["series"], it["label"]) for it in answer["data"] if not it["quiet"]}
    assert loud == {("global", "false alarm"), ("tag:a", "false alarm"), ("tag:b", None)}
    assert answer["meta"]["false_alarms"] == 2


def test_only_the_days_that_are_asked_for_are_replayed(tmp_path, capsys):
    path = tmp_path / "spend.csv"
    lines = [f"{(at + HOUR).isoformat()},{amount}" for at, amount in amounts()]
    path.write_text("time,amount\n" + "\n".join(lines))

    assert main(["backtest", "--csv", str(path), "--to", "2026-03-20"]) == 0

    assert capsys.readouterr().out == "Nothing would have been alerted in 1 series.\n"


RULES = """
[[rule]]
scope = "provider:*"
hourly = 40
[rule.breaker]
enabled = true
threshold_multiplier = 10
"""


def test_rules_of_a_file_are_tried_on_a_csv_file(tmp_path, capsys):
    path, rules = tmp_path / "spend.csv", tmp_path / "rules.toml"
    lines = [f"{(at + HOUR).isoformat()},{amount},provider:x" for at, amount in amounts()]
    path.write_text("time,amount,series\n" + "\n".join(lines))
    rules.write_text(RULES)

    assert main(["backtest", "--csv", str(path), "--rules", str(rules), "--json"]) == 0

    broken = [it for it in json.loads(capsys.readouterr().out)["data"] if it["rule"]]
    first_hour = (START + (BURN.start + 1) * HOUR).isoformat()
    (hourly,) = [it for it in broken if it["cause"] == "rule hourly"]
    assert (hourly["rule"], hourly["unit"], hourly["found_at"]) == ("provider:*", "USD", first_hour)
    assert hourly["opens_circuit_at"] is not None
    assert hourly["over_at"] == (START + (BURN.stop + 1) * HOUR).isoformat()
    assert 0 < hourly["burned_before"] <= hourly["burned"]
    assert {it["cause"] for it in broken} == {"rule hourly", "rule spike"}


def test_a_file_of_rules_that_is_not_valid_is_refused(tmp_path, capsys):
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nscope = "nonsense"\n')

    assert main(["backtest", "--rules", str(rules)]) == 2

    assert "rule[0].scope" in capsys.readouterr().err


def test_charges_by_day_and_buckets_of_minutes_are_replayed_apart_from_hours(tmp_path):
    url, clock = f"sqlite:///{tmp_path / 'past.db'}", FakeClock()
    upgrade(url)
    forever = Retention(guard_spend=float("inf"))
    hour = clock.now().replace(minute=0, second=0, microsecond=0) + HOUR
    billed = (charge("1", "3", on=2), charge("2", "4", on=2), charge("3", "5", on=4))
    manual = charge("4", "99", on=3, basis="manual")
    with open_store(url, clock=clock) as store:
        token = store.claim("persister")
        old = [spend_row(str(n), hour=hour - n * HOUR) for n in (30, 29)]
        store.record_report(guard_report(1, old), forever, token)
        for number in (1, 2, 3):
            clock.advance(1800)
            begun = clock.now().replace(minute=0, second=0, microsecond=0)
            row = spend_row("2.5", hour=begun, changes=number)
            store.record_report(guard_report(1 + number, [row]), forever, token)
        store.record_charges(window(*billed, manual), token)
        now = clock.now() + HOUR
        guards, charges = from_history(store, now, ZoneInfo("UTC"), 300)

    assert (guards.source, charges.source) == ("guards", "charges")
    assert charges.series == Series("provider:vercel", "USD")
    assert [(it.at.day, it.amount) for it in charges.spent] == [
        (3, Decimal(7)),
        (4, Decimal(0)),
        (5, Decimal(5)),
    ]
    widths = [it.width for it in guards.finer]
    assert {*widths} == {HOUR, HOUR / 12}
    assert widths == sorted(widths, reverse=True)
    times = [it.at for it in guards.finer]
    assert times == sorted(set(times))
    assert sum(it.amount for it in guards.spent) == sum(it.amount for it in guards.finer)


@pytest.mark.parametrize(
    "text", ["when,amount\n", "time,amount\n2026-03-02T00:00:00,1\n", "time,amount\nnow,x\n"]
)
def test_a_file_that_is_not_such_a_file_is_refused_in_one_line(tmp_path, capsys, text):
    path = tmp_path / "spend.csv"
    path.write_text(text)

    assert main(["backtest", "--csv", str(path)]) == 2

    assert capsys.readouterr().err.count("\n") == 1
