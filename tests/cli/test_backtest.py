"""`costmon backtest` on files and on what guards have reported."""

import datetime as dt
import json
import random
from decimal import Decimal

import pytest

from costmon.cli import main
from costmon.clock import SystemClock
from costmon.store import Retention, open_store
from costmon.store.migrate import upgrade
from costmon.testing.spend import guard_report, spend_row

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
    assert answer["meta"] == {"series": 1, "samples": 24 * 24}
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

    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split()[:3] == ["found", "series", "cause"]
    assert any("global" in line and "2026-03-22" in line for line in lines)


def test_only_the_days_that_are_asked_for_are_replayed(tmp_path, capsys):
    path = tmp_path / "spend.csv"
    lines = [f"{(at + HOUR).isoformat()},{amount}" for at, amount in amounts()]
    path.write_text("time,amount\n" + "\n".join(lines))

    assert main(["backtest", "--csv", str(path), "--to", "2026-03-20"]) == 0

    assert capsys.readouterr().out == "Nothing would have been alerted in 1 series.\n"


@pytest.mark.parametrize(
    "text", ["when,amount\n", "time,amount\n2026-03-02T00:00:00,1\n", "time,amount\nnow,x\n"]
)
def test_a_file_that_is_not_such_a_file_is_refused_in_one_line(tmp_path, capsys, text):
    path = tmp_path / "spend.csv"
    path.write_text(text)

    assert main(["backtest", "--csv", str(path)]) == 2

    assert capsys.readouterr().err.count("\n") == 1
