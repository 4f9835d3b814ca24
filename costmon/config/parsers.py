"""Turn the text of one setting into its value, or refuse it in words.

Each parser raises `Refused` whose text says what is accepted; the caller adds the name and value.
"""

import datetime as dt
import ipaddress
import re
import zoneinfo
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from costmon.config.secret import Secret

W = TypeVar("W", bound=str)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK_OF = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - replaced, not listened on
"""Where a client on this machine reaches a service that listens on every address."""

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h|d)?", re.ASCII)
_UNIT_S = {None: 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)
_SCHEME = re.compile(r"(?P<dialect>[a-z][a-z0-9_]*)(?:\+[a-z0-9_]+)?://.*", re.ASCII | re.DOTALL)
# The largest amount that history can hold: an INTEGER of 1e-9 units in 63 bits.
_LARGEST_AMOUNT = Decimal(9_000_000_000)
_HIGHEST_PORT = 65535


class Refused(ValueError):  # noqa: N818 - reads as what happened; it never leaves this package
    """The text is not a value of this kind; the message says what is."""


def duration(low_s: float, high_s: float) -> Callable[[str], float]:
    """Accept `30s`, `5m`, `1h`, `1d`, `500ms` or plain seconds, as seconds."""

    def parse(text: str) -> float:
        match = _DURATION.fullmatch(text)
        if match is None:
            raise Refused("a duration such as 30s, 5m, 1h, 1d, or a number of seconds")
        seconds = float(match["number"]) * _UNIT_S[match["unit"]]
        if not low_s <= seconds <= high_s:
            msg = f"a duration from {spell(low_s)} to {spell(high_s)}"
            raise Refused(msg)
        return seconds

    return parse


def spell(seconds: float) -> str:
    """Return seconds in the largest unit that divides them, as `duration` accepts it."""
    for unit in ("d", "h", "m", "s"):
        count = seconds / _UNIT_S[unit]
        if count >= 1 and count == int(count):
            return f"{int(count)}{unit}"
    return f"{seconds:g}s"


def one_of(*words: W) -> Callable[[str], W]:
    """Accept one of these words, in any case."""

    def parse(text: str) -> W:
        for word in words:
            if word == text.lower():
                return word
        msg = f"one of {', '.join(words)}"
        raise Refused(msg)

    return parse


def amount(text: str) -> Decimal:
    """Accept an amount of money: finite, not negative, digits and a point."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not 0 <= value <= _LARGEST_AMOUNT:
        raise Refused("an amount of 0 or more, such as 100.00 (a point, no currency sign)")
    return value


def port(text: str) -> int:
    """Accept a TCP port."""
    if re.fullmatch(r"[0-9]{1,5}", text) is None or not 1 <= int(text) <= _HIGHEST_PORT:
        msg = f"a port from 1 to {_HIGHEST_PORT}"
        raise Refused(msg)
    return int(text)


def port_or_off(text: str) -> int | None:
    """Accept a TCP port, or `off`."""
    if text.lower() == "off":
        return None
    try:
        return port(text)
    except Refused as refused:
        msg = f"off, or {refused}"
        raise Refused(msg) from None


def host(text: str) -> str:
    """Accept one address or host name, without a port; brackets of an IPv6 one are dropped."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        if _HOST_NAME.fullmatch(bare) is None:
            raise Refused("an IP address or a host name, without a port") from None
    return bare.lower()


def hosts(text: str) -> tuple[str, ...]:
    """Accept host names with commas between them."""
    try:
        return tuple(host(part.strip()) for part in text.split(",") if part.strip())
    except Refused:
        raise Refused("comma-separated host names, without ports and wildcards") from None


def networks(text: str) -> tuple[Network, ...]:
    """Accept IP addresses and networks with commas between them."""
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise Refused(
            "comma-separated IP addresses or networks, such as 10.0.0.5,172.18.0.0/16"
        ) from None


def is_loopback(name: str) -> bool:
    """Tell whether a host can be reached from this machine only."""
    if name.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def plain_url(text: str) -> str:
    """Accept a base URL, http or https, of something that takes no credential."""
    return _base_url(text)[1]


def api_url(text: str) -> str:
    """Accept a vendor's base URL: https, or http on loopback only, where nobody listens in."""
    parts, url = _base_url(text)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise Refused("https://...; http would send the token unencrypted")
    return url


def _base_url(text: str) -> tuple[SplitResult, str]:
    parts = _split(text)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Refused("a base URL such as https://api.example.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise Refused("a base URL without user, password, query or fragment")
    return parts, text.rstrip("/")


def secret_url(text: str) -> Secret:
    """Accept a URL that is itself a credential: https, or http on loopback only."""
    parts = _split(text)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Refused("a URL such as https://hooks.example.com/abc")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise Refused("https://...: over http the secret in the URL would travel in clear")
    return Secret(text)


def chat_id(text: str) -> str:
    """Accept the id of a Telegram chat, or the name of a public channel."""
    if re.fullmatch(r"-?\d{1,20}|@\w{1,64}", text, re.ASCII) is None:
        raise Refused("a chat's id such as -1001234567890, or @channelname")
    return text


def database_url(text: str) -> str:
    """Accept a SQLAlchemy URL; SQLite must be a file, since two connections share it."""
    match = _SCHEME.fullmatch(text)
    if match is None or _split(text) is None:
        raise Refused("a SQLAlchemy URL: sqlite:////path/costmon.db, postgresql://user@host/name")
    if match["dialect"] == "postgres":
        raise Refused("postgresql://... instead of postgres://")
    if match["dialect"] == "sqlite":
        file = text.partition("://")[2].removeprefix("/").partition("?")[0]
        if file in {"", ":memory:"}:
            raise Refused("a file such as sqlite:////path/costmon.db, not a database in memory")
    return text


def path(text: str) -> Path:
    """Accept a path; `~` is the home directory."""
    if "\0" in text:
        raise Refused("a path without NUL characters")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise Refused("a path; the home directory for its ~ is unknown") from None


def path_or_off(text: str) -> Path | None:
    """Accept a path, or `off`."""
    return None if text.lower() == "off" else path(text)


def timezone(text: str) -> str:
    """Accept a name of the IANA time zone database."""
    if text in {"UTC", "Etc/UTC"}:
        return text  # known even where the machine has no time zone database
    try:
        zoneinfo.ZoneInfo(text).utcoffset(dt.datetime(2026, 1, 1))  # noqa: DTZ001 - a local time
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise Refused("an IANA time zone such as UTC or Europe/Paris") from None
    return text


def secret(least: int = 1) -> Callable[[str], Secret]:
    """Accept a credential: visible ASCII, at least so many characters."""

    def parse(text: str) -> Secret:
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise Refused("printable ASCII without spaces and line breaks; copy it again")
        if len(text) < least:
            msg = f"at least {least} characters; `openssl rand -hex 32` makes one"
            raise Refused(msg)
        return Secret(text)

    return parse


def _split(text: str) -> SplitResult | None:
    """Return the parts of a URL; `None` when it has none, or a port that is not a number."""
    if any(character.isspace() or not character.isprintable() for character in text):
        return None
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts
