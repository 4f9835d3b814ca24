"""Read where alerts are sent: Telegram by its variables, all others by `[[channel]]`."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from costmon.config import parsers
from costmon.config import variables as var
from costmon.config.reader import Reader, did_you_mean
from costmon.config.secret import Secret
from costmon.config.tables import TableReader, shown

SmtpSecurity = Literal["starttls", "tls", "none"]

KINDS: Mapping[str, tuple[str, ...]] = {
    "webhook": ("url_env", "secret_env"),
    "slack": ("url_env",),
    "smtp": ("host", "port", "security", "user_env", "password_env", "from", "to"),
    "alertmanager": ("url", "user_env", "password_env"),
    "apprise": ("url_env",),
}
"""The keys of each kind besides `kind` and `name`."""

RESERVED = ("log", "telegram")
"""Names of channels that no table may take."""

_MEANINGS = {
    "url_env": "the URL",
    "secret_env": "the secret",
    "user_env": "the user",
    "password_env": "the password",
}
_PORTS: Mapping[SmtpSecurity, int] = {"starttls": 587, "tls": 465, "none": 25}
_MOST_RECIPIENTS = 20
_NAME = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_VARIABLE_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,99}", re.ASCII)
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}", re.ASCII)

S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A mail server, and who writes to whom; no secret.

    Attributes:
        host: Its name or address.
        port: Its port.
        security: `starttls`: encrypted once connected; `tls`: from the start; `none`: in clear.
        sender: The address in `From`.
        recipients: The addresses in `To`.
    """

    host: str
    port: int
    security: SmtpSecurity
    sender: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEntry:
    """One `[[channel]]`, its secrets not yet read.

    Attributes:
        where: Its place in the file, such as `channel[0]`.
        kind: One of `KINDS`.
        name: The channel's name.
        variables: By key, such as `url_env`, the variable that it names.
        server: Of `smtp`.
        url: Of `alertmanager`.
    """

    where: str
    kind: str
    name: str
    variables: Mapping[str, str]
    server: MailServer | None
    url: str | None


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

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return what must not be shown."""
        return (self.token,)


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

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return what must not be shown."""
        return (self.url, self.secret) if self.secret else (self.url,)


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlSettings:
    """A channel that is a URL with the credential in it.

    Attributes:
        kind: `slack` or `apprise`.
        name: The channel's name.
        url: The URL.
    """

    kind: Literal["slack", "apprise"]
    name: str
    url: Secret

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return what must not be shown."""
        return (self.url,)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """A mail server that alerts are handed to.

    Attributes:
        name: The channel's name.
        server: The server, and who writes to whom.
        user: Who logs in; `None`: nobody.
        password: The user's password.
    """

    name: str
    server: MailServer
    user: Secret | None
    password: Secret | None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return what must not be shown."""
        return (self.password,) if self.password else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerSettings:
    """An Alertmanager that alerts are pushed to.

    Attributes:
        name: The channel's name.
        url: Its base URL.
        user: For basic authentication; `None`: without.
        password: The user's password.
    """

    name: str
    url: str
    user: Secret | None
    password: Secret | None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return what must not be shown."""
        return (self.password,) if self.password else ()


ChannelSettings = (
    TelegramSettings | WebhookSettings | UrlSettings | SmtpSettings | AlertmanagerSettings
)


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
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        near = did_you_mean(kind, KINDS) if isinstance(kind, str) else ""
        kinds = ", ".join(f'"{one}"' for one in KINDS)
        read.refuse(f"{where}.kind", shown(kind), f"one of {kinds}{near}")
        keys: tuple[str, ...] = tuple({key for accepted in KINDS.values() for key in accepted})
        kind = ""
    else:
        keys = KINDS[kind]
    read.known_keys(where, table, ("kind", "name", *keys), f"key of [[channel]] {kind}".rstrip())
    name = table.get("name")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        read.refuse(f"{where}.name", shown(name), "1 to 40 of a-z, 0-9 and -")
    variables = _variables(read, where, table, kind)
    server = _server(read, where, table) if kind == "smtp" else None
    url = _url(read, where, table, variables) if kind == "alertmanager" else None
    if (
        server is not None
        and server.security == "none"
        and "password_env" in variables
        and not parsers.is_loopback(server.host)
    ):
        accepted = '"starttls" or "tls": a password must not be sent in clear'
        read.refuse(f"{where}.security", "none", accepted)
    if len(read.faults) > before:
        return None
    return ChannelEntry(
        where=where, kind=kind, name=str(name), variables=variables, server=server, url=url
    )


def _variables(
    read: TableReader, where: str, table: Mapping[str, object], kind: str
) -> Mapping[str, str]:
    variables: dict[str, str] = {}
    needed = {"url_env"} if "url_env" in KINDS.get(kind, ()) else set()
    if "user_env" in table or "password_env" in table:
        needed |= {"user_env", "password_env"}
    for key in _MEANINGS:
        given = table.get(key)
        if given is None and key not in needed:
            continue
        if not isinstance(given, str) or _VARIABLE_NAME.fullmatch(given) is None:
            # Somebody may have put the URL itself here: do not show it.
            read.refuse(f"{where}.{key}", "...", "the name of a variable such as OPS_WEBHOOK_URL")
            continue
        variables[key] = given
    return variables


def _server(read: TableReader, where: str, table: Mapping[str, object]) -> MailServer | None:
    def one(key: str, parse: Callable[[object], S], default: object = None) -> S | None:
        return _checked(read, f"{where}.{key}", table.get(key, default), parse)

    host, security = one("host", _host), one("security", _security, "starttls")
    port = one("port", _port, _PORTS[security or "starttls"])
    sender, recipients = one("from", _address), one("to", _addresses)
    if host is None or security is None or port is None or sender is None or recipients is None:
        return None
    return MailServer(host=host, port=port, security=security, sender=sender, recipients=recipients)


def _url(
    read: TableReader, where: str, table: Mapping[str, object], variables: Mapping[str, str]
) -> str | None:
    # Over http a password would travel in clear.
    parse = parsers.api_url if "password_env" in variables else parsers.plain_url

    def checked(given: object) -> str:
        if not isinstance(given, str):
            raise parsers.Refused("a URL such as http://127.0.0.1:9093")
        return parse(given)

    return _checked(read, f"{where}.url", table.get("url"), checked)


def _checked(
    read: TableReader, where: str, given: object, parse: Callable[[object], S]
) -> S | None:
    try:
        return parse(given)
    except parsers.Refused as refused:
        read.refuse(where, shown(given), str(refused))
        return None


def _host(given: object) -> str:
    if not isinstance(given, str):
        raise parsers.Refused("the name of a mail server, such as smtp.example.com")
    return parsers.host(given)


def _port(given: object) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= 65_535:  # noqa: PLR2004 - TCP
        raise parsers.Refused("a port from 1 to 65535")
    return given


def _security(given: object) -> SmtpSecurity:
    for one in get_args(SmtpSecurity):
        if given == one:
            security: SmtpSecurity = one
            return security
    raise parsers.Refused('"starttls", "tls" or "none"')


def _address(given: object) -> str:
    if not isinstance(given, str) or _ADDRESS.fullmatch(given) is None:
        raise parsers.Refused("a mail address such as costs@example.com")
    return given


def _addresses(given: object) -> tuple[str, ...]:
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MOST_RECIPIENTS:
        raise parsers.Refused(f"1 to {_MOST_RECIPIENTS} mail addresses")
    return tuple(_address(one) for one in listed)


def read_channels(read: Reader, entries: Sequence[ChannelEntry]) -> tuple[ChannelSettings, ...]:
    """Return the channels besides the log, with their secrets."""
    found: list[ChannelSettings] = []
    telegram = _telegram(read)
    if telegram is not None:
        found.append(telegram)
    for entry in entries:
        values = {key: _secret(read, entry, key) for key in entry.variables}
        if None not in values.values():
            found.append(_settings(entry, {key: it for key, it in values.items() if it}))
    return tuple(found)


def _settings(entry: ChannelEntry, values: Mapping[str, Secret]) -> ChannelSettings:
    if entry.server is not None:
        return SmtpSettings(
            name=entry.name,
            server=entry.server,
            user=values.get("user_env"),
            password=values.get("password_env"),
        )
    if entry.url is not None:
        return AlertmanagerSettings(
            name=entry.name,
            url=entry.url,
            user=values.get("user_env"),
            password=values.get("password_env"),
        )
    if entry.kind == "webhook":
        return WebhookSettings(
            name=entry.name, url=values["url_env"], secret=values.get("secret_env")
        )
    return UrlSettings(
        kind="slack" if entry.kind == "slack" else "apprise",
        name=entry.name,
        url=values["url_env"],
    )


def _secret(read: Reader, entry: ChannelEntry, key: str) -> Secret | None:
    parse = {
        "secret_env": parsers.secret(16),
        "url_env": parsers.secret() if entry.kind == "apprise" else parsers.secret_url,
    }.get(key, parsers.secret())
    name = entry.variables[key]
    value = read.read_optional(_secret_variable(name, parse))
    if value is None and not _refused(read, name):
        read.refuse(name, "", f"{_MEANINGS[key]} of channel {entry.name} in .env")
    return value


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
