"""Sources: which one wins, and what each of them can get wrong."""

import dataclasses
import sys

import pytest

from costmon.config import Providers, load
from costmon.config.providers import Hint
from costmon.errors import ConfigError, MissingPackageError
from costmon.providers import digitalocean

PROVIDERS = Providers((digitalocean.info,))

TOKEN = "dop_v1_0123456789abcdef"


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(path, text, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_file_wins_over_the_environment_and_the_command_line_over_both(tmp_path):
    write(tmp_path / ".env", "COSTMON_PORT=1002\nCOSTMON_METRICS_PORT=1003\n")
    environ = {"DO_API_TOKEN": TOKEN, "COSTMON_PORT": "1001", "COSTMON_POLL_INTERVAL": "7s"}

    settings = load(
        environ=environ, overrides={"COSTMON_METRICS_PORT": "1004"}, providers=PROVIDERS
    ).settings

    assert (settings.port, settings.metrics_port, settings.poll_interval_s) == (1002, 1004, 7)


def test_an_empty_line_in_the_file_does_not_hide_the_environment(tmp_path):
    write(tmp_path / ".env", "DO_API_TOKEN=\n")

    assert (
        load(environ={"DO_API_TOKEN": TOKEN}, providers=PROVIDERS)
        .settings.accounts[0]
        .token.reveal()
        == TOKEN
    )


def test_a_token_of_the_file_hides_a_token_file_of_the_environment(tmp_path):
    write(tmp_path / ".env", f"DO_API_TOKEN={TOKEN}\n")

    settings = load(environ={"DO_API_TOKEN_FILE": "/nowhere"}, providers=PROVIDERS).settings

    assert settings.accounts[0].token.reveal() == TOKEN


def test_a_token_with_a_dollar_sign_is_not_expanded(tmp_path):
    write(tmp_path / ".env", "DO_API_TOKEN='a${HOME}$b'\n")

    assert (
        load(environ={"HOME": "/h"}, providers=PROVIDERS).settings.accounts[0].token.reveal()
        == "a${HOME}$b"
    )


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    write(tmp_path / ".env", f"\ufeffDO_API_TOKEN={TOKEN}\n")

    assert load(environ={}, providers=PROVIDERS).settings.accounts


@pytest.mark.parametrize(("mode", "warned"), [(0o600, 0), (0o640, 1), (0o604, 1)])
def test_a_file_that_others_may_read_is_warned_about(tmp_path, mode, warned):
    write(tmp_path / ".env", f"DO_API_TOKEN={TOKEN}\n", mode)

    warnings = load(environ={}, providers=PROVIDERS).warnings

    assert len(warnings) == warned
    assert all("chmod 600" in warning for warning in warnings)


def test_a_line_that_is_no_assignment_is_a_fault_with_its_number(tmp_path):
    write(tmp_path / ".env", f"DO_API_TOKEN={TOKEN}\n'unfinished\n")

    with pytest.raises(ConfigError) as caught:
        load(environ={}, providers=PROVIDERS)

    assert "line 2" in caught.value.faults[0].accepted


@pytest.mark.parametrize("name", [".env", "costmon.toml"])
@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
def test_a_file_that_cannot_be_read_is_a_fault(tmp_path, name, content):
    if content is None:
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(ConfigError):
        load(environ={"DO_API_TOKEN": TOKEN}, providers=PROVIDERS)


@pytest.mark.parametrize("option", [{"dotenv": "no.env"}, {"overrides": {"COSTMON_CONFIG": "no"}}])
def test_a_file_that_was_named_must_exist(tmp_path, option):
    if "dotenv" in option:
        option = {"dotenv": tmp_path / option["dotenv"]}

    with pytest.raises(ConfigError) as caught:
        load(environ={"DO_API_TOKEN": TOKEN}, **option, providers=PROVIDERS)

    assert "existing file" in str(caught.value)


def test_a_misspelt_name_is_a_fault_in_the_file_and_a_warning_in_the_environment(tmp_path):
    environ = {"DO_API_TOKEN": TOKEN, "DO_NOT_TRACK": "1", "COSTMON_PROT": "1"}

    warnings = load(environ=environ, providers=PROVIDERS).warnings
    write(tmp_path / ".env", "COSTMON_PROT=1\n")

    assert len(warnings) == 1
    assert "did you mean COSTMON_PORT?" in warnings[0]
    with pytest.raises(ConfigError):
        load(environ=environ, providers=PROVIDERS)


def test_faults_of_every_source_come_together(tmp_path):
    write(tmp_path / ".env", "COSTMON_PORT=x\n'unfinished\n")
    (tmp_path / "costmon.toml").write_text("[retentoin]\n")

    with pytest.raises(ConfigError) as caught:
        load(environ={}, providers=PROVIDERS)

    names = {fault.name for fault in caught.value.faults}
    assert names == {"COSTMON_PORT", ".env", "retentoin", "DO_API_TOKEN"}


def test_the_process_environment_is_the_default(monkeypatch):
    monkeypatch.setenv("DO_API_TOKEN", TOKEN)

    assert load(providers=PROVIDERS).settings.accounts[0].token.reveal() == TOKEN


def test_without_python_dotenv_the_other_sources_are_read(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "dotenv", None)
    environ = {"DO_API_TOKEN": TOKEN, "COSTMON_PORT": "1001"}
    absent = load(providers=PROVIDERS, environ=environ)
    file = write(tmp_path / ".env", "COSTMON_PORT=1002\n")

    loaded = load(providers=PROVIDERS, environ=environ)

    assert (absent.settings.port, absent.ignored) == (1001, None)
    assert loaded.settings.port == 1001
    assert loaded.ignored is not None
    assert loaded.ignored.absolute() == file


def test_without_python_dotenv_a_named_file_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "dotenv", None)
    file = write(tmp_path / "my.env", "COSTMON_PORT=1002\n")

    with pytest.raises(MissingPackageError, match=r"my\.env.*pip install python-dotenv"):
        load(providers=PROVIDERS, environ={"DO_API_TOKEN": TOKEN}, dotenv=file)


def test_with_python_dotenv_nothing_is_ignored(tmp_path):
    write(tmp_path / ".env", f"DO_API_TOKEN={TOKEN}\n")

    assert load(providers=PROVIDERS, environ={}).ignored is None


HINTED = Providers(
    (
        digitalocean.info,
        dataclasses.replace(
            digitalocean.info,
            slug="acme",
            credentials=(dataclasses.replace(digitalocean.info.credentials[0], name="ACME_KEY"),),
            url_variable="ACME_URL",
            hints=(Hint(name="ACME_PROJECT_KEY", text="make an ACME_KEY"),),
        ),
    )
)


def test_a_variable_that_is_not_enough_is_a_hint():
    environ = {"DO_API_TOKEN": TOKEN, "ACME_PROJECT_KEY": "planted-key"}

    loaded = load(environ=environ, providers=HINTED)

    assert loaded.hints == ("ACME_PROJECT_KEY alone: make an ACME_KEY",)
    assert loaded.warnings == ()


def test_a_hint_is_not_given_for_a_vendor_that_is_read():
    environ = {"ACME_KEY": TOKEN, "ACME_PROJECT_KEY": "planted-key"}

    assert load(environ=environ, providers=HINTED).hints == ()


def test_without_any_account_the_hint_is_among_what_is_missing():
    with pytest.raises(ConfigError, match="make an ACME_KEY") as caught:
        load(environ={"ACME_PROJECT_KEY": "planted-key"}, providers=HINTED)

    assert "planted-key" not in str(caught.value)
