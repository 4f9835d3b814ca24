"""A secret `X` from `X_COMMAND`, beside `X_FILE` and `X`."""

import shlex
import sys

import pytest

from costmon.config import Providers, Settings
from costmon.config import credentials as credential_sources
from costmon.config.load import load
from costmon.errors import ConfigError
from costmon.providers import digitalocean

PROVIDERS = Providers((digitalocean.info,))
TOKEN = "dop_v1_0123456789abcdef"

pytestmark = pytest.mark.process


def command(code):
    return shlex.join([sys.executable, "-c", code])


def faults_of(**environ):
    with pytest.raises(ConfigError) as caught:
        Settings.from_env(environ, providers=PROVIDERS)
    return {fault.name: str(fault) for fault in caught.value.faults}


def test_a_secret_is_what_a_command_prints():
    environ = {"DO_API_TOKEN_COMMAND": command(f"print({TOKEN!r})")}

    settings = Settings.from_env(environ, providers=PROVIDERS)

    assert settings.accounts[0].token.reveal() == TOKEN


def test_no_shell_expands_the_command():
    environ = {"DO_API_TOKEN_COMMAND": f"{command('import sys; print(sys.argv[1])')} $(id)"}

    settings = Settings.from_env(environ, providers=PROVIDERS)

    assert settings.accounts[0].token.reveal() == "$(id)"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (command("raise SystemExit(3)"), "exit code 3"),
        (command("pass"), "prints only the secret"),
        (command("print('a b')"), "printable ASCII"),
        (command("import sys; sys.stdout.buffer.write(b'\\xff')"), "as text"),
        (command("print('x' * 70_000)"), "prints only the secret"),
        ("/does/not/exist", "cannot be started"),
        ("unbalanced 'quote", "a command with its arguments"),
    ],
)
def test_a_command_that_gives_no_secret_is_a_fault_that_shows_nothing_of_it(given, reason):
    faults = faults_of(DO_API_TOKEN_COMMAND=f"{given}")

    (fault,) = faults.values()
    assert reason in fault
    assert given not in fault


def test_a_command_that_does_not_end_is_killed(monkeypatch):
    monkeypatch.setattr(credential_sources, "_COMMAND_S", 0.2)

    faults = faults_of(DO_API_TOKEN_COMMAND=command("import time; time.sleep(3600)"))

    assert "did not end within 0.2 s" in faults["DO_API_TOKEN_COMMAND"]


def test_a_secret_from_two_places_is_a_fault_that_shows_neither():
    faults = faults_of(DO_API_TOKEN=TOKEN, DO_API_TOKEN_COMMAND="print-secret --key abc")

    assert "unset one of them" in faults["DO_API_TOKEN_COMMAND"]
    assert "abc" not in str(faults)
    assert TOKEN not in str(faults)


@pytest.mark.parametrize("below", ["DO_API_TOKEN", "DO_API_TOKEN_FILE"])
def test_a_command_in_dotenv_hides_the_secret_of_the_environment(tmp_path, below):
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"DO_API_TOKEN_COMMAND={command(f'print({TOKEN!r})')!r}\n")
    dotenv.chmod(0o600)

    loaded = load(
        providers=PROVIDERS,
        environ={below: "other", "COSTMON_CONFIG": ""},
        dotenv=dotenv,
    )

    assert loaded.settings.accounts[0].token.reveal() == TOKEN
