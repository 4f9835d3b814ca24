"""Where alerts are sent: Telegram's variables and `[[channel]]`, with every fault at once."""

import tomllib

import pytest

from costmon.config import Providers
from costmon.config.channels import (
    AlertmanagerSettings,
    SmtpSettings,
    TelegramSettings,
    UrlSettings,
    WebhookSettings,
)
from costmon.config.file import check_file
from costmon.config.settings import Settings
from costmon.errors import ConfigError
from costmon.providers import digitalocean

PROVIDERS = Providers((digitalocean.info,))
TOKEN = {"DO_API_TOKEN": "dop_v1_0123456789abcdef"}
OPS = "[[channel]]\nkind = 'webhook'\nname = 'ops'\nurl_env = 'OPS_URL'\nsecret_env = 'OPS_SECRET'"
TELEGRAM = {"TELEGRAM_BOT_TOKEN": "123:planted", "TELEGRAM_CHANNEL_ID": "-100200"}
WEBHOOK = {"OPS_URL": "https://hooks.example.com/planted", "OPS_SECRET": "planted-0123456789"}


def settings(environ, text=""):
    file = check_file(tomllib.loads(text), PROVIDERS)
    return Settings.from_env({**TOKEN, **environ}, file=file, providers=PROVIDERS)


def faults(environ, text=""):
    with pytest.raises(ConfigError) as caught:
        settings(environ, text)
    return {fault.name: fault for fault in caught.value.faults}


def test_without_settings_alerts_go_to_the_log_only():
    assert settings({}).channels == ()


def test_telegram_is_set_by_its_variables():
    (channel,) = settings(TELEGRAM).channels

    assert isinstance(channel, TelegramSettings)
    assert (channel.chat_id, channel.api_url) == ("-100200", "https://api.telegram.org")


@pytest.mark.parametrize("missing", TELEGRAM)
def test_half_of_telegram_is_a_fault_that_names_the_other_half(missing):
    found = faults({name: value for name, value in TELEGRAM.items() if name != missing})

    assert list(found) == [missing]


def test_a_chat_that_is_no_chat_is_a_fault():
    assert "TELEGRAM_CHANNEL_ID" in faults({**TELEGRAM, "TELEGRAM_CHANNEL_ID": "my chat"})


def test_a_webhook_has_its_secrets_in_the_environment():
    (channel,) = settings(WEBHOOK, OPS).channels

    assert isinstance(channel, WebhookSettings)
    assert channel.url.reveal() == WEBHOOK["OPS_URL"]


def test_every_secret_of_a_channel_is_masked_in_logs():
    secrets = settings({**TELEGRAM, **WEBHOOK}, OPS).secrets()

    assert {"123:planted", *WEBHOOK.values()} <= set(secrets)


def test_variables_of_a_webhook_that_are_not_set_are_faults():
    assert set(faults({}, OPS)) == {"OPS_URL", "OPS_SECRET"}


def test_a_webhook_over_http_is_refused_without_showing_it():
    fault = faults({**WEBHOOK, "OPS_URL": "http://hooks.example.com/planted"}, OPS)["OPS_URL"]

    assert "planted" not in f"{fault.value} {fault.accepted}"


def test_every_fault_of_a_table_is_told_at_once_and_no_url_is_shown():
    text = """
        [[channel]]
        kind = "smoke"
        name = "Ops Team"
        url_env = "https://hooks.example.com/planted"
        colour = "red"
    """
    found = {fault.name: fault for fault in check_file(tomllib.loads(text), PROVIDERS).faults}

    assert set(found) == {
        "channel[0].kind",
        "channel[0].name",
        "channel[0].url_env",
        "channel[0].colour",
    }
    assert all("planted" not in fault.value for fault in found.values())


@pytest.mark.parametrize("name", ["telegram", "log"])
def test_a_reserved_name_is_a_fault(name):
    text = f"[[channel]]\nkind = 'webhook'\nname = '{name}'\nurl_env = 'OPS_URL'"

    assert [fault.name for fault in check_file(tomllib.loads(text), PROVIDERS).faults] == [
        "channel[0].name"
    ]


MAIL = """
    [[channel]]
    kind = "smtp"
    name = "mail"
    host = "smtp.example.com"
    user_env = "MAIL_USER"
    password_env = "MAIL_PASSWORD"
    from = "costmon@example.com"
    to = ["ann@example.com", "bob@example.com"]
"""
LOGIN = {"MAIL_USER": "costs", "MAIL_PASSWORD": "planted-password"}
PUSH = "[[channel]]\nkind = 'alertmanager'\nname = 'am'\nurl = 'http://alertmanager:9093/'\n"
PUSH_LOGIN = "user_env = 'MAIL_USER'\npassword_env = 'MAIL_PASSWORD'\n"


@pytest.mark.parametrize(
    ("kind", "url"), [("slack", "https://hooks.slack.com/planted"), ("apprise", "ntfy://planted")]
)
def test_slack_and_apprise_have_their_url_in_the_environment(kind, url):
    text = f"[[channel]]\nkind = '{kind}'\nname = 'ops'\nurl_env = 'OPS_URL'"

    found = settings({"OPS_URL": url}, text)

    (channel,) = found.channels
    assert isinstance(channel, UrlSettings)
    assert (channel.kind, channel.url.reveal()) == (kind, url)
    assert url in found.secrets()


@pytest.mark.parametrize(
    ("security", "port"), [("", 587), ("security = 'tls'", 465), ("port = 2525", 2525)]
)
def test_mail_is_encrypted_and_its_port_follows(security, port):
    found = settings(LOGIN, MAIL + security)

    (channel,) = found.channels
    assert isinstance(channel, SmtpSettings)
    assert (channel.server.port, channel.server.recipients[1]) == (port, "bob@example.com")
    assert "planted-password" in found.secrets()
    assert "planted-password" not in repr(found)


def test_a_password_is_not_sent_in_clear():
    assert set(faults(LOGIN, MAIL + "security = 'none'")) == {"channel[0].security"}
    assert set(faults(LOGIN, PUSH + PUSH_LOGIN)) == {"channel[0].url"}


def test_an_alertmanager_without_a_login_may_be_reached_over_http():
    (channel,) = settings({}, PUSH).channels

    assert isinstance(channel, AlertmanagerSettings)
    assert (channel.url, channel.user) == ("http://alertmanager:9093", None)


def test_half_a_login_is_a_fault():
    text = MAIL.replace('user_env = "MAIL_USER"', "")

    assert set(faults(LOGIN, text)) == {"channel[0].user_env"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("host", "'smtp.example.com:25'"),
        ("host", "7"),
        ("port", "0"),
        ("port", "true"),
        ("security", "'ssl3'"),
        ("from", "'Ann <ann@example.com>'"),
        ("to", "[]"),
        ("to", "['ann@example.com', 'x\\ny@example.com']"),
    ],
)
def test_each_wrong_key_of_mail_is_named(key, value):
    lines = [line for line in MAIL.splitlines() if not line.strip().startswith(f"{key} =")]
    if key == "from":
        lines = [line for line in lines if "from =" not in line]

    assert set(faults(LOGIN, "\n".join([*lines, f"{key} = {value}"]))) == {f"channel[0].{key}"}


def test_a_key_of_another_kind_is_a_fault():
    text = "[[channel]]\nkind = 'slack'\nname = 'ops'\nurl_env = 'OPS_URL'\nhost = 'x'"

    assert set(faults({"OPS_URL": "https://hooks.slack.com/planted"}, text)) == {"channel[0].host"}
