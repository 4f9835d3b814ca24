"""`costmon guard`, on real stores and against a running demo."""

import datetime as dt
import json
import os
import pty
import socket
import time
from decimal import Decimal

import pytest

from costmon.cli import main
from costmon.clock import SystemClock
from costmon.config.user import name_of_user
from costmon.guard import Budget, BudgetRefused, Guard, TierRefused
from costmon.intake.frame import frame, read_frame
from costmon.testing import FakeClock

HOST = "host:a.example"


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def store(tmp_path):
    return f"sqlite:///{tmp_path}/guard.db"


@pytest.fixture
def guard(store):
    """A program's guard that has spent something and has a call in flight."""
    with Guard(store, [Budget("global", "10"), Budget(HOST, "2", "day")]) as guard:
        guard.reserve([HOST, "key:batch"], "0.5").settle("0.4000001")
        guard.reserve(HOST, "0.25", activity="delivery")
        yield guard


@pytest.fixture
def run(capsys):
    def execute(*arguments):
        code = main(["guard", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return execute


def cells(text):
    return [line.split() for line in text.splitlines()]


def test_the_status_of_a_store_shows_what_was_spent_and_is_held(run, store, guard):
    code, out, _ = run(
        "status", "--store", store, "--budget", "global=10", "--budget", f"{HOST}=2/day"
    )

    assert code == 0
    rows = {row[0]: row for row in cells(out) if row}
    assert rows[HOST][1:6] == ["day", "2.00", "0.4000001", "0.25", "1.3499999"]
    assert rows["global"][1:6] == ["month", "10.00", "0.4000001", "0.25", "9.3499999"]
    assert rows["key:batch"][1:5] == ["month", "none", "0.4000001", "0.00"]
    assert "delivery" in out


def test_budgets_that_nothing_has_used_yet_are_shown(run, store):
    # The guard's own status shows the scopes that were used this month.
    long_ago = FakeClock(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    with Guard(store, [Budget("key:old", "9", "total")], clock=long_ago) as program:
        program.reserve("key:old", "3").settle()

    options = ("provider:x=7/hour", "model:*=4", "key:*=5/total", "key:old=9/total")
    code, out, _ = run("status", "--store", store, *(f"--budget={it}" for it in options))

    assert code == 0
    assert {row[0]: row[1:6] for row in cells(out) if len(row) == 6} == {
        "provider:x": ["hour", "7.00", "0.00", "0.00", "7.00"],
        "model:*": ["month", "4.00", "0.00", "0.00", "4.00"],
        "key:*": ["total", "5.00", "?", "?", "?"],
        "key:old": ["total", "9.00", "3.00", "0.00", "6.00"],
    }


def test_looking_at_a_store_with_a_budget_changes_nothing_in_it(run, tmp_path):
    url = f"sqlite:///{tmp_path}/free.db"
    with Guard(url, [Budget("key:x", "10", "day")]) as program:
        program.reserve("key:x", "0.10").settle()
        before = program.store.settings()

        code, out, _ = run("status", "--store", url, "--budget", "global=1/day")

        assert code == 0
        assert program.store.settings() == before
        rows = {row[0]: row for row in cells(out) if row}
        assert rows["global"][1:5] == ["day", "1.00", "0.10", "0.00"]
        program.reserve("key:x", "0.40").settle()
        program.set_budget(Budget("global", "0.60", "day"))
        with pytest.raises(BudgetRefused):
            program.reserve("key:x", "0.11")
        program.reserve("key:x", "0.10")


def test_the_status_as_json_has_exact_amounts(run, store, guard):
    code, out, _ = run("status", "--store", store, "--json")

    status = json.loads(out)
    assert code == 0
    assert status["currency"] == "USD"
    spent = {row["scope"]: row["spent"] for row in status["scopes"]}
    assert float(spent[HOST]) == 0.4000001
    assert [lease["activity"] for lease in status["leases"]] == ["delivery"]


def test_a_budget_that_is_set_holds_for_the_next_call_of_a_running_guard(run, store, guard):
    code, out, _ = run("set", "host:*", "--limit", "0.10", "--store", store)

    assert (code, out) == (0, "host:* may spend 0.10 USD (period: month)\n")
    with pytest.raises(BudgetRefused):
        guard.reserve("host:other.example", "0.11")


def test_levels_are_set_with_a_budget(run, store, guard):
    run("set", "key:batch", "--limit", "100", "--block", "50", "--warn", "40", "--store", store)

    with Guard(store) as other:
        assert other.remaining("key:batch") == Decimal("49.5999999")


def test_a_budget_is_removed(run, store, guard):
    code, out, _ = run("set", HOST, "--remove", "--period", "day", "--store", store)

    assert (code, out) == (0, f"{HOST} has no budget with period day any more\n")
    guard.reserve(HOST, "5").release()


def test_tier_rate_and_own_budget_are_set_and_forgotten(run, store, guard):
    code, out, _ = run(
        "set", HOST, "--tier", "blocked", "--rate", "5", "--custom-budget", "7", "--store", store
    )

    assert (code, out) == (
        0,
        f"{HOST} has the tier blocked, 5 calls per minute, a custom budget of 7.00 USD\n",
    )
    with pytest.raises(TierRefused):
        guard.reserve(HOST, "0.01")
    assert "blocked" in run("status", "--store", store)[1]

    assert run("set", HOST, "--plain", "--store", store)[0] == 0
    with Guard(store) as other:
        other.reserve(HOST, "0.01").release()


def test_reset_says_what_was_forgotten_and_what_stays(run, store, guard):
    code, out, _ = run("reset", HOST, "--period", "day", "--yes", "--store", store)

    assert code == 0
    assert out == (
        f"forgot 0.4000001 USD that {HOST} had spent in this period;"
        " 0.25 is held by calls in flight and stays\n"
    )
    assert guard.spent(HOST, "day") == 0
    assert guard.spent("global") > 0


def test_reset_without_a_terminal_needs_yes(run, store, guard, monkeypatch):
    reading, writing = os.pipe()
    with os.fdopen(reading) as pipe, os.fdopen(writing, "w"):
        monkeypatch.setattr("sys.stdin", pipe)
        code, _, error = run("reset", HOST, "--store", store)

    assert code == 2
    assert "--yes" in error
    assert guard.spent(HOST, "day") > 0


@pytest.fixture
def type_in(monkeypatch):
    """Make standard input a terminal on which somebody types a line."""
    master, slave = pty.openpty()
    with os.fdopen(slave) as terminal, os.fdopen(master, "w") as keyboard:
        monkeypatch.setattr("sys.stdin", terminal)

        def type_line(text):
            keyboard.write(f"{text}\n")
            keyboard.flush()

        yield type_line


@pytest.mark.parametrize(("typed", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_reset_asks_at_a_terminal(run, guard, type_in, typed, code):
    type_in(typed)

    assert run("reset", HOST, "--period", "day", "--store", str(guard.store))[0] == code

    assert (guard.spent(HOST, "day") == 0) == (code == 0)


def test_top_names_who_spent_most_and_who_called_most(run, store, guard):
    for _ in range(3):
        guard.reserve("key:cheap", "0.01").settle()

    by_spend = cells(run("top", "--store", store, "-n", "3")[1])
    by_requests = cells(run("top", "--store", store, "-n", "2", "--by", "requests")[1])

    assert [row[0] for row in by_spend[1:4]] == ["global", HOST, "key:batch"]
    assert [row[:3] for row in by_requests[1:3]] == [
        ["global", "0.4300001", "4"],
        ["key:cheap", "0.03", "3"],
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["set", HOST, "--store", "STORE"], "requires --limit AMOUNT, --remove"),
        (["set", HOST, "--limit", "1", "--remove", "--store", "STORE"], "not both"),
        (["set", HOST, "--limit", "-1", "--store", "STORE"], "is not valid"),
        (
            ["set", HOST, "--limit", "1", "--period", "week", "--store", "STORE"],
            "is not a valid period",
        ),
        (["set", HOST, "--limit", "1", "--block", "200", "--store", "STORE"], "percentage"),
        (["set", "x", "--limit", "1", "--store", "STORE"], "is not a valid scope"),
        (["set", "host:*", "--tier", "limited", "--store", "STORE"], "is not a valid scope"),
        (["set", HOST, "--rate", "0", "--store", "STORE"], "whole number"),
        (["set", HOST], "requires either --limit AMOUNT or --remove"),
        (["set", HOST, "--tier", "limited"], "give --store"),
        (["reset", HOST], "requires --store"),
        (["top", "--by", "requests"], "--store"),
        (["top", "--by", "refusals", "--store", "STORE"], "omit --store"),
        (["top", "-n", "0"], "whole number"),
        (["status", "--budget", "global=1"], "--budget requires --store"),
        (["status", "--store", "STORE", "--budget", "10"], "is not a valid budget"),
        (["status", "--store", "memory://"], "cannot be read from another process"),
        (["status", "--store", "mysql://user:hunter2@db/x"], "is not a store of a guard"),
        (["status", "--store", "STORE", "--zone", "Mars/Olympus"], "is not a known time zone"),
        (["status", "--store", "STORE", "--currency", "dollars"], "ISO 4217"),
        (["simulate", "--budget", "global=1"], "requires either a FILE of calls, or --calls"),
        (["simulate", "--budget", "global=1", "--calls", "3"], "requires --amount"),
        (["simulate", "--calls", "3", "--amount", "1"], "give --budget"),
        ([], "ACTION"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(arguments, words, run, store, guard):
    code, out, error = run(*[store if text == "STORE" else text for text in arguments])

    assert code == 2
    assert out == ""
    assert words in error
    assert error.count("\n") == 1
    assert "hunter2" not in error


@pytest.mark.parametrize("action", [["status"], ["top"], ["reset", HOST, "--yes"]])
def test_a_mistyped_file_is_no_new_store(action, run, tmp_path):
    code, _, error = run(*action, "--store", "sqlite:///absent.db")

    assert code == 1
    assert "the file does not exist" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("action", [["status"], ["top"], ["set", HOST, "--limit", "1"]])
def test_no_service_is_one_line_that_says_how_to_start_one(action, run, unused_port):
    code, _, error = run(*action, "--port", str(unused_port))

    assert code == 1
    assert error.count("\n") == 1
    assert "costmon run" in error


def test_generated_calls_are_refused_when_the_budget_is_spent(run):
    code, out, error = run(
        *["simulate", "--calls", "1000", "--amount", "0.01", "--scope", "host:x.example"],
        *["--budget", "host:*=4.50", "--budget", "global=100"],
    )

    lines = out.splitlines()
    assert code == 1
    assert error == ""
    assert lines[0] == "1000 calls: 450 allowed, 550 refused"
    assert lines[1] == "the refused calls would have cost 5.50 USD"
    assert cells(out)[4][:3] == ["host:x.example", "month", "4.50"]
    assert ["host:x.example", "4.50"] in cells(out)


def test_what_fits_is_exit_0(run):
    code, out, _ = run("simulate", "--calls", "10", "--amount", "1", "--budget", "global=10")

    assert code == 0
    assert out.splitlines()[0] == "10 calls: 10 allowed, 0 refused"


CSV = """\
Time,URL,model,amount,activity
2026-01-31T23:59:59Z,https://user:pw@API.openai.com:443/v1?key=1,gpt,0.50,chat
2026-02-01T00:00:01Z,https://api.openai.com/v1,gpt,0.50,chat
2026-01-31T23:00:00Z,https://api.openai.com/v1,gpt,0.50,chat
"""
JSON_LINES = """\
{"time": 1767225600, "scopes": ["host:a.example", "key:k"], "cost": 0.1}

{"at": "2026-01-01T00:00:01+00:00", "scopes": "host:a.example key:k", "amount": "0.2"}
{"timestamp": "2026-01-01T00:00:02", "host": "a.example", "key": "k", "spent": 3}
"""


def test_past_calls_are_taken_in_the_order_of_their_times_each_in_its_period(run, tmp_path):
    (tmp_path / "calls.csv").write_text(CSV)

    code, out, _ = run("simulate", "calls.csv", "--budget", "provider:openai=0.6", "--json")

    result = json.loads(out)
    assert code == 1
    assert (result["allowed"], result["refused"]) == (2, 1)
    (refusal,) = result["refusals"]
    assert (refusal["scope"], refusal["by"]) == ("provider:openai", "month")
    assert refusal["first_at"] == "2026-01-31T23:59:59Z"
    assert float(result["spent"]["host:api.openai.com"]) == 1.0
    assert "pw" not in out


def test_json_lines_are_read_too(run, tmp_path):
    (tmp_path / "calls.jsonl").write_text(JSON_LINES)

    code, out, _ = run("simulate", "calls.jsonl", "--budget", "key:*=0.30/total", "--json")

    result = json.loads(out)
    assert code == 1
    assert (result["allowed"], result["refused"]) == (2, 1)
    assert result["refusals"][0]["scope"] == "key:k"


def test_the_levels_of_a_simulation_can_be_given(run):
    code, out, _ = run(
        *["simulate", "--calls", "10", "--amount", "1", "--budget", "global=10", "--block", "50"]
    )

    assert code == 1
    assert out.startswith("10 calls: 5 allowed, 5 refused")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no calls"),
        ("time,amount\n2026-01-01,1\n", "line 2: the call has no scope"),
        ("amount,host\n1,a\n", "line 2: no time"),
        ("time,host\n2026-01-01,a\n", "line 2: no amount"),
        ("time,amount,host\nnoon,1,a\n", "line 2: the time is 'noon'"),
        ("time,amount,host\n2026-01-01,-1,a\n", "line 2: '-1' is not valid"),
        ("time,amount,host\n2026-01-01,NaN,a\n", "is not valid"),
        ("time,amount,host\nNaN,1,a\n", "the time is 'NaN'"),
        ("time,amount,host\n1e300,1,a\n", "the time is '1e300'"),
        ('{"time": 1, "amount": true, "host": "a"}', "line 1: True is not valid"),
        ('{"time": 1, "amount": [1], "host": "a"}', "the amount is [1]"),
        ('{"time": 1, "amount": 1, "scopes": 3}', "scopes is 3"),
        ('{"time": 1, "amount": 1, "scopes": [3]}', "is not a valid scope"),
        ('{"time": 1', "line 1 is not a JSON object"),
        ("\udcff", "is not valid UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line_with_its_place(run, tmp_path, text, words):
    (tmp_path / "calls").write_text(text, errors="surrogateescape")

    code, _, error = run("simulate", "calls", "--budget", "global=1")

    assert code == 2
    assert words in error
    assert error.count("\n") == 1


def test_a_file_that_is_not_there_is_one_line(run):
    code, _, error = run("simulate", "absent.csv", "--budget", "global=1")

    assert code == 1
    assert "absent.csv" in error
    assert error.count("\n") == 1


@pytest.mark.process
def test_a_budget_is_set_and_removed_through_the_service(run, demo):
    code, out, _ = run(
        "set", "host:*", "--limit", "12.5", "--warn", "70", "--author", "ada", *demo.where
    )

    assert code == 0
    me = name_of_user(os.geteuid())
    assert out == f"accepted; host:* may spend 12.50 USD (period: month), set by {me}\n"

    code, out, _ = run("set", "host:*", "--remove", *demo.where)

    assert (code, out) == (0, "accepted; host:* has no budget with period month\n")


def report(path):
    """Send a guard's report over the intake's socket and return the answer."""
    at = dt.datetime.now(dt.UTC).isoformat()
    gauge = {"scope": "key:seen", "period": "total", "limit": "1", "spent": "0.25", "held": "0.1"}
    refusal = {"at": at, "scope": "key:seen", "reason": "budget", "text": "no room for 0.80"}
    unpriced = {
        "hour": at[:13] + ":00:00Z",
        "scope": "model:new",
        "activity": "unpriced_call",
        "spent": "0.05",
        "requests": 1,
        "failed": 0,
        "expired": 0,
        "bytes_in": 0,
        "bytes_out": 0,
        "changes": 1,
    }
    sent = {
        "guard": "9f",
        "store": "s",
        "sequence": 1,
        "app": "worker",
        "host": "box",
        "pid": 12,
        "sent_at": at,
        "currency": "USD",
        "rows": [unpriced],
        "scopes": [gauge | {"resets_at": None}],
        "leases": [],
        "refusals": [refusal],
        "refused": [{"scope": "key:seen", "reason": "budget", "refused": 1}],
        "notices": [],
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        connection.sendall(frame(json.dumps({"op": "report", "report": sent}).encode()))
        answer = read_frame(connection, idle_s=10, whole_s=10, clock=SystemClock())
    assert answer is not None
    return json.loads(answer)


@pytest.mark.process
def test_the_service_shows_what_a_guard_reports(run, demo):
    assert report(demo.folder / "data-demo" / "report.sock")["status"] == 202

    deadline = time.monotonic() + 40
    status = json.loads(run("status", "--json", *demo.where)[1])
    # The demo has a guard of its own.
    while not [it for it in status["unpriced"]["data"] if it["scope"] == "model:new"]:
        assert time.monotonic() < deadline
        status = json.loads(run("status", "--json", *demo.where)[1])
    code, out, _ = run("status", *demo.where)
    top = run("top", *demo.where)[1]
    refusals = run("top", "--by", "refusals", "--since", "1h", *demo.where)[1]

    assert code == 0
    (row,) = [it for it in status["scopes"]["data"] if it["scope"] == "key:seen"]
    assert (row["scope"], row["spent"], row["remaining"]) == ("key:seen", "0.25", "0.65")
    assert ["key:seen", "total", "1.00", "0.25", "0.10", "0.65"] in cells(out)
    assert "no room for 0.80" in out
    assert ["model:new", "1", "0.05", "USD"] in cells(out)
    assert ["9f", "worker", "box", "12"] in [row[:4] for row in cells(out)]
    assert "key:seen" in [row[0] for row in cells(top) if row]
    assert ["key:seen", "budget", "1"] in cells(refusals)
