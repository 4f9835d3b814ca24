"""`[[budget]]` in costmon.toml: what it may say, and every way of saying it wrong, all at once."""

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from costmon.config import Providers
from costmon.config.file import check_file
from costmon.config.settings import Settings
from costmon.domain.budget import Budget, Thresholds
from costmon.errors import ConfigError
from costmon.providers import catalog, digitalocean

PROVIDERS = Providers((digitalocean.info,))

TOKEN = {"DO_API_TOKEN": "dop_v1_0123456789abcdef"}


def read(text):
    return check_file(tomllib.loads(text, parse_float=Decimal), PROVIDERS)


def faults_of(text):
    return {fault.name: fault for fault in read(text).faults}


def test_a_budget_has_its_defaults_said():
    (budget,) = read("[[budget]]\nscope = 'global'\nlimit = 1000").budgets

    assert budget == Budget("global", "1000", "month", "USD", None)


def test_everything_of_a_budget_can_be_said_and_is_in_its_one_spelling():
    text = """
        [[budget]]
        scope = "host:*.EXAMPLE.com"
        limit = "10.50"
        period = "daily"
        currency = "eur"
        warn = 75.5
        block = 95
    """

    assert read(text).budgets == (
        Budget("host:*.example.com", "10.50", "day", "EUR", Thresholds("75.5", 95)),
    )


@pytest.mark.parametrize(
    ("line", "levels"), [("warn = 50", Thresholds(50, 100)), ("block = 90", Thresholds(80, 90))]
)
def test_one_level_alone_leaves_the_other_as_guards_have_it(line, levels):
    assert read(f"[[budget]]\nscope = 'global'\nlimit = 1\n{line}").budgets[0].levels == levels


def test_a_price_of_the_file_is_kept_exact():
    assert read("[[budget]]\nscope = 'global'\nlimit = 0.1").budgets[0].limit == Decimal("0.1")


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("scope = 'hosts:x'", "budget[0].scope"),
        ("scope = 3", "budget[0].scope"),
        ("scope = 'key:*x'", "budget[0].scope"),
        ("limit = -1", "budget[0].limit"),
        ("limit = nan", "budget[0].limit"),
        ("limit = inf", "budget[0].limit"),
        ("limit = true", "budget[0].limit"),
        ("limit = 'ten'", "budget[0].limit"),
        ("limit = 1e30", "budget[0].limit"),
        ("limit = [1]", "budget[0].limit"),
        ("period = 'fortnight'", "budget[0].period"),
        ("period = 3", "budget[0].period"),
        ("currency = 'dollars'", "budget[0].currency"),
        ("currency = 840", "budget[0].currency"),
        ("warn = 0", "budget[0].warn"),
        ("warn = 101", "budget[0].warn"),
        ("block = 'most'", "budget[0].block"),
        ("block = {}", "budget[0].block"),
        ("limt = 3", "budget[0].limt"),
    ],
)
def test_each_key_is_checked(line, name):
    entry = {"scope": "global", "limit": "1"} | tomllib.loads(line, parse_float=Decimal)

    file = check_file({"budget": [entry]}, PROVIDERS)

    assert [fault.name for fault in file.faults] == [name]
    assert file.budgets == ()


def test_every_fault_is_told_at_once_and_a_typo_gets_the_right_name():
    faults = faults_of("[[budget]]\nscop = 'x'\nperiod = 'x'\n[[budget]]\nlimit = 'x'")

    assert set(faults) == {
        "budget[0].scop",
        "budget[0].scope",
        "budget[0].limit",
        "budget[0].period",
        "budget[1].scope",
        "budget[1].limit",
    }
    assert "did you mean scope?" in faults["budget[0].scop"].accepted


def test_two_budgets_for_the_same_thing_are_a_fault():
    text = (
        "[[budget]]\nscope = 'host:a.example'\nlimit = 1\n"
        "[[budget]]\nscope = 'host:A.example'\nlimit = 2\nperiod = 'monthly'\n"
    )

    assert set(faults_of(text)) == {"budget[1]"}


def test_one_pair_of_brackets_is_not_enough():
    assert "[[budget]]" in faults_of("[budget]\nscope = 'global'")["budget"].accepted


def test_the_example_file_reads_without_a_fault_once_it_is_uncommented():
    example = (Path(__file__).parents[2] / "costmon.example.toml").read_text("utf-8")
    lines = [line.removeprefix("# ") for line in example.splitlines()]
    start = lines.index("[[budget]]")
    table = "\n".join(lines[start : lines.index("", start)])

    (budget,) = read(table).budgets
    assert budget.levels == Thresholds(80, 100)


def test_the_settings_have_the_files_budgets():
    file = read("[[budget]]\nscope = 'global'\nlimit = 1000")

    assert Settings.from_env(TOKEN, file=file, providers=PROVIDERS).budgets == file.budgets


def test_guards_report_to_a_socket_in_the_state_directory_unless_told_otherwise(tmp_path):
    def socket(demo=False, **variables):
        environ = TOKEN | {"COSTMON_STATE_DIR": str(tmp_path / "data")} | variables
        providers = catalog.declarations() if demo else PROVIDERS
        return Settings.from_env(environ, demo=demo, providers=providers).report_socket

    assert socket() == tmp_path / "data" / "report.sock"
    assert socket(COSTMON_REPORT_SOCKET="off") is None
    assert socket(COSTMON_REPORT_SOCKET="/run/costmon.sock") == Path("/run/costmon.sock")
    # Real guards never report to a demo.
    demo = socket(demo=True, COSTMON_REPORT_SOCKET="/run/costmon.sock")
    assert demo == tmp_path / "data-demo" / "report.sock"
    assert socket(demo=True, COSTMON_REPORT_SOCKET="off") is None


@pytest.mark.parametrize("path", ["/" + "x" * 107, "/" + "ä" * 54])
def test_a_socket_that_no_system_call_takes_is_refused(path):
    with pytest.raises(ConfigError, match="at most 107 bytes"):
        Settings.from_env(TOKEN | {"COSTMON_REPORT_SOCKET": path}, providers=PROVIDERS)
