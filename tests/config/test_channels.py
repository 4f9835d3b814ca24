"""Where alerts are sent: Telegram's variables and `[[channel]]`, with every fault at once."""

import tomllib

import pytest

from costmon.config import Providers
from costmon.config.channels import TelegramSettings, WebhookSettings
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
