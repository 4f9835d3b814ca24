"""Build the channels that the settings name; the log is always one of them."""

from collections.abc import Sequence

from costmon.clock import Clock
from costmon.config.channels import ChannelSettings, TelegramSettings
from costmon.notifiers.base import Channel
from costmon.notifiers.log import LogChannel
from costmon.notifiers.telegram import TelegramChannel
from costmon.notifiers.webhook import WebhookChannel
from costmon.sender import Sender

KINDS: tuple[type[Channel], ...] = (LogChannel, TelegramChannel, WebhookChannel)


def channels(settings: Sequence[ChannelSettings], sender: Sender, clock: Clock) -> list[Channel]:
    """Return the log and the configured channels, in the order of the settings."""
    return [LogChannel(), *(_channel(one, sender, clock) for one in settings)]


def _channel(settings: ChannelSettings, sender: Sender, clock: Clock) -> Channel:
    if isinstance(settings, TelegramSettings):
        return TelegramChannel(
            settings.token.reveal(), settings.chat_id, sender, api_url=settings.api_url
        )
    secret = settings.secret.reveal() if settings.secret else None
    return WebhookChannel(settings.name, settings.url.reveal(), secret, sender, clock)
