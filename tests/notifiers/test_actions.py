"""Actions when a circuit opens: a dry run first, commands without a shell, signed webhooks."""

import datetime as dt
import hashlib
import hmac
import sys
import tomllib

import pytest
from structlog.testing import capture_logs

from costmon.alerts import guard as conditions
from costmon.config import Providers, Settings
from costmon.config.file import check_file
from costmon.domain.circuit import Circuit
from costmon.errors import ConfigError, NotifyError
from costmon.notifiers.actions import actions
from costmon.providers import digitalocean
from costmon.sender import HttpSender
from costmon.testing import Reply, StubServer
from costmon.testing.clock import START, FakeClock

PROVIDERS = Providers((digitalocean.info,))
TOKEN = {"DO_API_TOKEN": "dop_v1_0123456789abcdef"}
SECRET = "secret-of-the-webhook"
HOOK = """
[[action]]
kind = "webhook"
name = "stop"
url_env = "STOP_URL"
secret_env = "STOP_SECRET"
dry_run = false
"""


def settings_of(toml, **environ):
    file = check_file(tomllib.loads(toml), PROVIDERS)
    return Settings.from_env({**TOKEN, **environ}, providers=PROVIDERS, file=file)


def channel(toml, clock=None, **environ):
    (one,) = actions(settings_of(toml, **environ).actions, HttpSender(), clock or FakeClock())
    return one


def command(code, *arguments, further="dry_run = false"):
    argv = [sys.executable, "-c", code, *map(str, arguments)]
    return f'[[action]]\nkind = "command"\nname = "stop"\nargv = {argv!r}\n{further}\n'


def alert(scope="provider:openai", *, is_open=True, state="opened", lasts=dt.timedelta(hours=1)):
    circuit = Circuit(scope, "open", "a loop; $(id)", "rule x", START, START + lasts, 1)
    if not is_open:
        circuit = circuit._replace(state="closed")
    condition = conditions.circuit(circuit, now=START, cause="c1")
    return condition.alert(
        START,
        state=state if is_open else "resolved",
        severity=condition.severity,
        since=START,
        previous_severity=None,
    )


WRITE = "import json, os, sys; open(sys.argv[1], 'a').write(json.dumps(dict(os.environ)) + '\\n')"


@pytest.mark.process
def test_a_command_gets_the_circuit_and_nothing_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("DO_API_TOKEN", TOKEN["DO_API_TOKEN"])
    file = tmp_path / "out"

    channel(command(WRITE, file)).send(alert())

    seen = file.read_text()
    assert '"COSTMON_CIRCUIT_SCOPE": "provider:openai"' in seen
    assert '"COSTMON_CIRCUIT_REASON": "a loop; $(id)"' in seen
    assert "DO_API_TOKEN" not in seen


@pytest.mark.process
@pytest.mark.parametrize(
    ("further", "what"),
    [
        ("", {}),
        ("dry_run = true", {}),
        ('dry_run = false\nscope = "provider:stripe"', {}),
        ("dry_run = false", {"is_open": False}),
        ("dry_run = false", {"state": "repeated"}),
        ("dry_run = false", {"lasts": dt.timedelta(seconds=-1)}),
    ],
    ids=["no word of dry_run", "dry run", "another scope", "closed", "told again", "expired"],
)
def test_a_command_is_not_run(tmp_path, further, what):
    file = tmp_path / "out"

    channel(command(WRITE, file, further=further)).send(alert(**what))

    assert not file.exists()


def test_a_dry_run_is_logged():
    with capture_logs() as lines:
        channel(command("pass", further="")).send(alert())

    (line,) = lines
    assert (line["event"], line["action"], line["scope"]) == (
        "action.dry_run",
        "stop",
        "provider:openai",
    )


@pytest.mark.process
@pytest.mark.parametrize(
    ("code", "further", "words"),
    [
        ("raise SystemExit(3)", "", "exit code 3"),
        ("import time; time.sleep(3600)", 'timeout = "0.2s"', "did not end within 0.2 s"),
    ],
)
def test_a_command_that_fails_is_tried_again(code, further, words):
    failing = channel(command(code, further=f"dry_run = false\n{further}"))

    with pytest.raises(NotifyError, match=words) as caught:
        failing.send(alert())

    assert not caught.value.is_final


def test_a_webhook_is_signed():
    with StubServer() as server:
        server.answer("/stop", Reply.json({}))

        channel(HOOK, STOP_URL=f"{server.url}/stop", STOP_SECRET=SECRET).send(alert())

        (request,) = server.asked
    signed = f"{request.headers['x-costmon-timestamp']}.".encode() + request.body
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert request.headers["x-costmon-signature"] == f"sha256={digest}"


def test_the_secrets_of_an_action_are_redacted():
    settings = settings_of(HOOK, STOP_URL="https://a.example/stop", STOP_SECRET=SECRET)

    assert {"https://a.example/stop", SECRET} <= set(settings.secrets())
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("toml", "name"),
    [
        (HOOK.replace("webhook", "mail"), "action[0].kind"),
        (HOOK.replace('secret_env = "STOP_SECRET"', ""), "action[0].secret_env"),
        (HOOK.replace('"STOP_URL"', '"https://a.example"'), "action[0].url_env"),
        (HOOK.replace("false", '"no"'), "action[0].dry_run"),
        (HOOK + 'argv = ["/bin/true"]', "action[0].argv"),
        (command("x").replace("argv", "arg"), "action[0].arg"),
        ('[[action]]\nkind = "command"\nname = "a"\nargv = "rm -rf"', "action[0].argv"),
        ('[[action]]\nkind = "command"\nname = "a"\nargv = ["rm"]', "action[0].argv"),
        (command("x", further='timeout = "1h"'), "action[0].timeout"),
        (command("x", further='scope = "openai"'), "action[0].scope"),
        (HOOK * 2, "action[1].name"),
        (HOOK, "STOP_SECRET"),
    ],
)
def test_what_is_not_right_is_named(toml, name):
    with pytest.raises(ConfigError) as caught:
        settings_of(toml, STOP_URL="https://a.example/stop")

    assert name in {fault.name for fault in caught.value.faults}
