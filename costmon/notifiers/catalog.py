"""Build the channels that the settings name; the log is always one of them."""

from collections.abc import Sequence
from typing import assert_never

from costmon.clock import Clock
from costmon.config.channels import (
    AlertmanagerSettings,
    ChannelSettings,
    SmtpSettings,
    TelegramSettings,
    UrlSettings,
    WebhookSettings,
)
from costmon.config.secret import Secret
from costmon.notifiers.alertmanager import AlertmanagerChannel
from costmon.notifiers.apprise import AppriseChannel
from costmon.notifiers.base import Channel
from costmon.notifiers.log import LogChannel
from costmon.notifiers.slack import SlackChannel
from costmon.notifiers.smtp import SmtpChannel
from costmon.notifiers.telegram import TelegramChannel
from costmon.notifiers.webhook import WebhookChannel
from costmon.sender import MailSender, Sender, SmtpServer


def channels(settings: Sequence[ChannelSettings], sender: Sender, clock: Clock) -> list[Channel]:
    """Return the log and the configured channels, in the order of the settings.

    Raises:
        MissingPackageError: A channel needs a package that is not installed.
    """
    return [LogChannel(), *(_channel(one, sender, clock) for one in settings)]


def _channel(settings: ChannelSettings, sender: Sender, clock: Clock) -> Channel:
    match settings:
        case TelegramSettings():
            return TelegramChannel(
                settings.token.reveal(), settings.chat_id, sender, api_url=settings.api_url
            )
        case WebhookSettings():
            return WebhookChannel(
                settings.name, settings.url.reveal(), _text(settings.secret), sender, clock
            )
        case UrlSettings(kind="slack"):
            return SlackChannel(settings.name, settings.url.reveal(), sender)
        case UrlSettings():
            return AppriseChannel(settings.name, settings.url.reveal())
        case SmtpSettings(server=server):
            mail_server = SmtpServer(
                host=server.host,
                port=server.port,
                security=server.security,
                user=_text(settings.user),
                password=_text(settings.password),
            )
            return SmtpChannel(
                settings.name, MailSender(mail_server), server.sender, server.recipients
            )
        case AlertmanagerSettings(user=user, password=password):
            login = (user.reveal(), password.reveal()) if user and password else None
            return AlertmanagerChannel(settings.name, settings.url, login, sender, clock)
        case _:
            assert_never(settings)


def _text(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()
