"""Read where alerts are sent: Telegram by its variables, webhooks by `[[channel]]`."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from costmon.config import parsers
from costmon.config import variables as var
from costmon.config.reader import Reader
from costmon.config.secret import Secret
from costmon.config.tables import TableReader, shown

CHANNEL_KEYS = ("kind", "name", "url_env", "secret_env")
WEBHOOK = "webhook"
RESERVED = ("log", "telegram")
"""Names of channels that no table may take."""

_NAME = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_VARIABLE_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEntry:
    """One `[[channel]]`, its secrets not yet read.

    Attributes:
        where: Its place in the file, such as `channel[0]`.
        name: The channel's name.
        url_env: The variable that holds the URL.
        secret_env: The variable that holds the secret for signatures; `None`: not signed.
    """

    where: str
    name: str
    url_env: str
    secret_env: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramSettings:
    """A chat and the bot that writes to it.

    Attributes:
        token: The bot's token.
        chat_id: The chat's id, or `@channelname`.
        api_url: The Bot API's base URL.
    """

    token: Secret
    chat_id: str
    api_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """A URL that alerts are posted to.

    Attributes:
        name: The channel's name.
        url: Where to; it counts as a secret.
        secret: What the signature is made with; `None`: not signed.
    """

    name: str
    url: Secret
    secret: Secret | None


ChannelSettings = TelegramSettings | WebhookSettings


def read_entries(read: TableReader, tables: object) -> tuple[ChannelEntry, ...]:
    """Return the channels that are right, in their order; every one that is not is a fault."""
    listed = read.listed("channel", tables)
    found: dict[str, ChannelEntry] = {}
    for number, table in enumerate(listed):
        entry = _entry(read, f"channel[{number}]", table)
        if entry is None:
            continue
        if entry.name in found or entry.name in RESERVED:
            read.refuse(f"{entry.where}.name", entry.name, "a name that no other channel has")
        found[entry.name] = entry
    return tuple(found.values())


def _entry(read: TableReader, where: str, table: Mapping[str, object]) -> ChannelEntry | None:
    before = len(read.faults)
    read.known_keys(where, table, CHANNEL_KEYS, "key of [[channel]]")
    if table.get("kind") != WEBHOOK:
        read.refuse(f"{where}.kind", shown(table.get("kind")), f'"{WEBHOOK}"')
    name = table.get("name")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        read.refuse(f"{where}.name", shown(name), "1 to 40 of a-z, 0-9 and -")
    variables: dict[str, str] = {}
    for key in ("url_env", "secret_env"):
        given = table.get(key)
        if given is None and key == "secret_env":
            continue
        if not isinstance(given, str) or _VARIABLE_NAME.fullmatch(given) is None:
            # Somebody may have put the URL itself here: do not show it.
            read.refuse(f"{where}.{key}", "...", "the name of a variable such as OPS_WEBHOOK_URL")
            continue
        variables[key] = given
    if len(read.faults) > before:
        return None
    return ChannelEntry(
        where=where,
        name=str(name),
        url_env=variables["url_env"],
        secret_env=variables.get("secret_env"),
    )


def read_channels(read: Reader, entries: Sequence[ChannelEntry]) -> tuple[ChannelSettings, ...]:
    """Return the channels besides the log, with their secrets."""
    found: list[ChannelSettings] = []
    telegram = _telegram(read)
    if telegram is not None:
        found.append(telegram)
    for entry in entries:
        url = read.read_optional(_secret_variable(entry.url_env, parsers.secret_url))
        secret = None
        if entry.secret_env is not None:
            secret = read.read_optional(_secret_variable(entry.secret_env, parsers.secret(16)))
            if secret is None and not _refused(read, entry.secret_env):
                read.refuse(entry.secret_env, "", f"the secret of channel {entry.name} in .env")
        if url is None:
            if not _refused(read, entry.url_env):
                read.refuse(entry.url_env, "", f"the URL of channel {entry.name} in .env")
            continue
        found.append(WebhookSettings(name=entry.name, url=url, secret=secret))
    return tuple(found)


def _telegram(read: Reader) -> TelegramSettings | None:
    token = read.read_optional(var.TELEGRAM_BOT_TOKEN)
    chat_id = read.read_optional(var.TELEGRAM_CHANNEL_ID)
    api_url = read.read(var.TELEGRAM_API_URL)
    if token is None and chat_id is None:
        return None
    if token is None or chat_id is None:
        names = (var.TELEGRAM_BOT_TOKEN.name, var.TELEGRAM_CHANNEL_ID.name)
        missing, other = names if token is None else reversed(names)
        if not _refused(read, missing):
            read.refuse(missing, "", f"a value, since {other} is set; or unset both")
        return None
    return TelegramSettings(token=token, chat_id=chat_id, api_url=api_url)


def _secret_variable(name: str, parse: Callable[[str], Secret]) -> var.Variable[Secret]:
    return var.Variable(name=name, default=None, parse=parse, accepted="", meaning="", secret=True)


def _refused(read: Reader, name: str) -> bool:
    return any(fault.name.startswith(name) for fault in read.faults)
