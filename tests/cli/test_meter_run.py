"""`costmon meter run`: what is executed, with which environment; and the process it becomes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from costmon.cli import main
from costmon.meter.launch.environment import OPTIONS


class Executed(Exception):  # noqa: N818 - no error: a program took over
    """Stands for the program that would have taken our place."""


@pytest.fixture
def execute(monkeypatch, capsys):
    """Return a function that gives program, arguments, options and what was said."""

    def become(*taken):
        raise Executed(*taken)

    monkeypatch.setattr("os.execve", become)

    def run(*arguments):
        with pytest.raises(Executed) as raised:
            main(["meter", "run", *arguments])
        program, command, environ = raised.value.args
        return program, command, json.loads(environ[OPTIONS]), capsys.readouterr().err

    return run


@pytest.fixture
def refused(capsys):
    def run(*arguments):
        code = main(["meter", "run", *arguments])
        return code, capsys.readouterr().err

    return run


def test_the_program_is_executed_with_its_own_arguments(execute):
    program, command, options, _ = execute("--", "python3", "-m", "app", "--port", "5")

    assert Path(program).name == "python3"
    assert command == ["python3", "-m", "app", "--port", "5"]
    assert options == {}


def test_the_dashes_may_be_left_out(execute):
    assert execute("python3", "--version")[1] == ["python3", "--version"]


def test_one_line_says_what_happens(execute):
    *_, said = execute("--provider", "gcp", "--users", "5", "--", "python3", "app.py")

    assert said == (
        "costmon: measuring python3, projecting for 5 users on GCP us-central1; "
        "dashboard at http://localhost:7777\n"
    )


@pytest.mark.parametrize(
    ("port", "said"),
    [
        (["--no-dashboard"], "no dashboard"),
        (["--port", "0"], "dashboard on a free port"),
        (["--port", "8000"], "dashboard at http://localhost:8000"),
    ],
)
def test_the_line_says_where_the_dashboard_is(execute, port, said):
    assert execute(*port, "--", "python3")[3].rstrip().endswith(said)


def test_every_option_arrives_as_the_meter_takes_it(execute):
    *_, options, _ = execute(
        *("--provider", "azure", "--region", "eastus", "--users", "50", "--rps", "0.5"),
        *("--budget-usd", "10", "--budget", "GET /api/*=5.50", "--budget", "/x=y=1"),
        *("--warmup-s", "0", "--service", "shop", "--sample", "10", "--no-follow-threads"),
        *("--tenant-header", "X-Tenant", "--tenant", "a", "--tenant", "b", "--no-dashboard"),
        *("--target-utilisation", "0.5", "--cpu-factor", "1.2"),
        *("--", "python3"),
    )

    assert options == {
        "provider": "azure",
        "region": "eastus",
        "target_users": "50",
        "requests_per_user_per_second": "0.5",
        "budget_usd": "10",
        "budgets": [["GET /api/*", "5.50"], ["/x=y", "1"]],
        "warmup_s": 0.0,
        "service": "shop",
        "sample": "10",
        "follow_threads": False,
        "tenant_header": "X-Tenant",
        "tenants": ["a", "b"],
        "port": None,
        "target_utilisation": "0.5",
        "cpu_factor": "1.2",
    }


def test_options_after_the_program_are_the_programs(execute):
    _, command, options, _ = execute("python3", "app.py", "--provider", "GCP")

    assert command == ["python3", "app.py", "--provider", "GCP"]
    assert options == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "costmon meter run -- gunicorn app:app"),
        (["--"], "costmon meter run -- gunicorn app:app"),
        (["--", "no-such-program-anywhere"], "program 'no-such-program-anywhere' not found"),
        (["--", ""], "program '' not found"),
        (["--provider", "IBM", "--", "python3"], "AWS, GCP, AZURE"),
        (["--region", "mars/1", "--", "python3"], "mars/1"),
        (["--users", "-1", "--", "python3"], "target_users"),
        (["--warmup-s", "soon", "--", "python3"], "such as 30"),
        (["--budget", "5", "--", "python3"], "'GET /api/*=50'"),
    ],
)
def test_what_cannot_be_run_is_wrong_usage_in_one_line(refused, arguments, said):
    code, err = refused(*arguments)

    assert code == 2
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.process
def test_the_exit_code_and_the_output_are_the_programs(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "costmon", "meter", "run", "--no-dashboard", "--"),
            *(sys.executable, "-c", "import sys; print('theirs'); sys.exit(7)"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert (done.returncode, done.stdout) == (7, "theirs\n")
    assert len(done.stderr.splitlines()) == 1
