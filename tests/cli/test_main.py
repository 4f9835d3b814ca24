"""The command line as a whole: one line for each error, and the promised exit codes."""

import argparse
import subprocess
import sys
from collections.abc import Iterator

import pytest

from costmon import __version__
from costmon.cli import COMMANDS, build_parser, main


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_version_is_told(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"costmon {__version__}\n"


def test_the_version_needs_no_heavy_library():
    heavy = "{'flask', 'sqlalchemy', 'pykka', 'requests', 'alembic', 'cheroot'}"
    code = (
        "import sys; from costmon.cli import main; main(['--version']); "
        f"sys.exit(bool({heavy} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0


@pytest.mark.parametrize("name", [command.NAME for command in COMMANDS])
def test_every_command_explains_itself(name, capsys):
    assert main([name, "--help"]) == 0
    assert f"costmon {name}" in capsys.readouterr().out


def help_pages(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parser of every command and action, at any depth."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield inner
                yield from help_pages(inner)


@pytest.mark.parametrize("page", [*help_pages(build_parser())], ids=lambda page: page.prog)
def test_every_help_page_begins_with_a_sentence_and_explains_each_option(page):
    unexplained = [
        action.dest
        for action in page._actions
        if not action.help and not isinstance(action, argparse._SubParsersAction)
    ]

    assert page.description[0].isupper()
    assert page.description.endswith(".")
    assert unexplained == []
    assert page.format_help()


@pytest.mark.parametrize(
    "arguments", [["--port", "7"], ["list", "--port", "7"], ["--port", "7", "list"]]
)
def test_options_of_circuits_may_precede_the_action(arguments):
    parsed = build_parser().parse_args(["circuits", "--json", *arguments])

    assert (parsed.action, parsed.port, parsed.json, parsed.scope) == ("list", "7", True, None)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frob"],
        ["run", "--frob"],
        ["db"],
        ["history", "--step", "year"],
        ["costs", "--top", "x"],
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(arguments, capsys):
    assert main(arguments) == 2

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--help" in error


@pytest.mark.parametrize("command", ["run", "check"])
def test_without_a_token_one_line_says_what_to_set(command, capsys):
    assert main([command]) == 2

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "DO_API_TOKEN" in error
    assert ".env" in error
    assert "--demo" in error


def test_several_faults_are_a_line_each(capsys, monkeypatch):
    monkeypatch.setenv("DO_API_TOKEN", "has blanks in it")

    assert main(["run", "--port", "x", "--poll-interval", "soon"]) == 2

    heading, *faults = capsys.readouterr().err.splitlines()
    assert heading == "costmon: 3 settings are not valid:"
    assert len(faults) == 3
    assert not any("has blanks" in fault for fault in faults)


@pytest.mark.parametrize("command", ["costs", "status", "history"])
def test_no_service_is_one_line_that_says_how_to_start_one(command, capsys, unused_port):
    assert main([command, "--port", str(unused_port)]) == 1

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "costmon run" in error


def test_the_console_without_a_service_is_one_line(capsys):
    assert main(["console"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_components_of_one_kind_are_listed(capsys):
    assert main(["components", "--kind", "actor", "--demo"]) == 0

    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split()[:2] == ["kind", "name"]
    assert {row.split()[0] for row in rows} == {"actor"}
    assert {"persister", "messenger", "alerter", "calculator"} <= {row.split()[1] for row in rows}


def test_a_missing_package_of_the_service_is_named_before_anything_else(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pykka", None)

    assert main(["run"]) == 2

    error = capsys.readouterr().err
    assert error == (
        "costmon: `costmon run` needs the service's packages (pykka not installed): pip install "
        '"costmon[service]", or in a checkout: make setup\n'
    )


@pytest.mark.parametrize(
    "command",
    [
        ["run"],
        ["run", "--once"],
        ["check", "--offline"],
        ["db", "current"],
        ["db", "upgrade"],
    ],
)
def test_a_database_without_its_driver_is_one_line_and_exit_2(command, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setenv("DO_API_TOKEN", "dop_v1_0123456789abcdef")
    monkeypatch.setenv("COSTMON_DATABASE_URL", "postgresql://me:hunter2@db.example/costs")

    assert main(command) == 2

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert 'pip install "costmon[postgres]"' in error
    assert "make setup WITH=postgres" in error
    assert "hunter2" not in error


@pytest.mark.parametrize(
    ("module", "url"),
    [("psycopg", "postgresql://me:hunter2@db/x"), ("redis", "redis://:hunter2@db/0")],
)
def test_a_store_of_guards_without_its_driver_is_one_line_and_exit_2(
    module, url, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, module, None)

    assert main(["guard", "status", "--store", url]) == 2

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert 'pip install "costmon[' in error
    assert "hunter2" not in error


def test_a_reader_that_has_enough_is_no_error(tmp_path):
    command = f"{sys.executable} -m costmon components --demo | head -n 1; echo ${{PIPESTATUS[0]}}"

    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True, timeout=30
    )

    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""
