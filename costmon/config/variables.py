"""Name costmon's own variables once: what each is called, what it means, what it accepts.

Those of a vendor are declared by its provider. `.env.example` and the table in the README are
rendered from both (`make docs`); tests compare.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Generic, Literal, TypeVar

from costmon.config import parsers
from costmon.config.secret import Secret

T_co = TypeVar("T_co", covariant=True)

LogFormat = Literal["auto", "json", "console"]
MetricsAuth = Literal["token", "off"]
LogLevel = Literal["debug", "info", "warning", "error"]
DatabaseUpgrade = Literal["auto", "yes", "no"]

DEMO_POLL_INTERVAL = "2s"
OWN_PREFIX = "COSTMON_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable(Generic[T_co]):
    """One environment variable.

    Attributes:
        name: As it is written in `.env`.
        default: As it would be written in `.env`; `None`: no default.
        default_words: What the documentation says instead of `default`; `None` to show `default`.
        parse: Turns the text into the value or raises `parsers.Refused`.
        accepted: Accepted values, in words.
        meaning: What it is for, in one or two sentences.
        secret: Whether its value is masked everywhere; then it has
            `<name>_FILE` and `<name>_COMMAND` too.
        to_fill_in: Whether `.env.example` leaves a line for it that is not commented out.
    """

    name: str
    default: str | None
    default_words: str | None = None
    parse: Callable[[str], T_co]
    accepted: str
    meaning: str
    secret: bool = False
    to_fill_in: bool = False


Group = tuple[Variable[object], ...]

DO_COST_THRESHOLD: Variable[Decimal] = Variable(
    name="DO_COST_THRESHOLD",
    default="100.00",
    parse=parsers.amount,
    accepted="an amount in USD, at least 0",
    meaning="Raise an alert when the monthly run-rate exceeds this amount.",
)
DATABASE_URL: Variable[str] = Variable(
    name="COSTMON_DATABASE_URL",
    default=None,
    default_words="costmon.db in the state directory",
    parse=parsers.database_url,
    accepted="a SQLAlchemy URL; SQLite and PostgreSQL are tested",
    meaning="Database for the history. Treated as a secret, since it may contain a password.",
    secret=True,
)
DATABASE_UPGRADE: Variable[DatabaseUpgrade] = Variable(
    name="COSTMON_DATABASE_UPGRADE",
    default="auto",
    parse=parsers.one_of("auto", "yes", "no"),
    accepted="auto, yes or no",
    meaning=(
        "Whether the service upgrades an older database schema at start. `auto` upgrades SQLite "
        "(after a backup); other databases need `costmon db upgrade`."
    ),
)
HOST: Variable[str] = Variable(
    name="COSTMON_HOST",
    default="127.0.0.1",
    parse=parsers.host,
    accepted="an IP address or a host name",
    meaning="Address to listen on for HTTP. Addresses other than loopback require "
    "COSTMON_API_TOKEN.",
)
PORT: Variable[int] = Variable(
    name="COSTMON_PORT",
    default="8090",
    parse=parsers.port,
    accepted="1 to 65535",
    meaning="Port of the API and the web page.",
)
API_TOKEN: Variable[Secret] = Variable(
    name="COSTMON_API_TOKEN",
    default=None,
    default_words="created by the service; required to listen on addresses other than loopback",
    parse=parsers.secret(least=16),
    accepted="at least 16 characters",
    meaning=(
        "Bearer token that API clients must send, even to read. If it is not set, the service "
        "creates one at its first start, which is required only for changes."
    ),
    secret=True,
)
ALLOWED_HOSTS: Variable[tuple[str, ...]] = Variable(
    name="COSTMON_ALLOWED_HOSTS",
    default=None,
    default_words="the listening address and loopback names",
    parse=parsers.hosts,
    accepted="comma-separated host names",
    meaning="Further names accepted in a request's Host header, such as a container's name.",
)
TRUSTED_PROXIES: Variable[tuple[parsers.Network, ...]] = Variable(
    name="COSTMON_TRUSTED_PROXIES",
    default="127.0.0.0/8,::1",
    parse=parsers.networks,
    accepted="comma-separated IP addresses or networks",
    meaning="Reverse proxies whose X-Forwarded-Proto is trusted: with `https` the session cookie "
    "is sent over TLS only.",
)
METRICS_PORT: Variable[int | None] = Variable(
    name="COSTMON_METRICS_PORT",
    default="off",
    parse=parsers.port_or_off,
    accepted="off, or 1 to 65535",
    meaning="Port of a second listener for scraping, which serves only /metrics, /healthz and "
    "POST /refresh.",
)
METRICS_AUTH: Variable[MetricsAuth] = Variable(
    name="COSTMON_METRICS_AUTH",
    default="token",
    parse=parsers.one_of("token", "off"),
    accepted="token or off",
    meaning="`off` lets everyone who reaches COSTMON_METRICS_PORT read metrics and refresh without "
    "COSTMON_API_TOKEN: for a container whose port is published on 127.0.0.1 only.",
)
POLL_INTERVAL: Variable[float] = Variable(
    name="COSTMON_POLL_INTERVAL",
    default="5m",
    default_words=f"5m ({DEMO_POLL_INTERVAL} with --demo)",
    parse=parsers.duration(0.1, 86_400),
    accepted="a duration up to 1d",
    meaning="Time between two polls of an account.",
)
COST_REFRESH_INTERVAL: Variable[float] = Variable(
    name="COST_REFRESH_INTERVAL_S",
    default="86400",
    parse=parsers.duration(60, 30 * 86_400),
    accepted="a duration from 1m to 30d; a plain number is seconds",
    meaning="How often each account's charges are read. Usage is read as often, but at least "
    "every hour.",
)
ALERT_COOLDOWN: Variable[float] = Variable(
    name="COSTMON_ALERT_COOLDOWN",
    default="3600",
    parse=parsers.duration(0, 30 * 86_400),
    accepted="a duration up to 30d; 0 repeats alerts with every poll",
    meaning="Minimum time before an alert that still holds is repeated.",
)
HEALTH_CHECK_INTERVAL: Variable[float] = Variable(
    name="COSTMON_HEALTH_CHECK_INTERVAL",
    default="30s",
    parse=parsers.duration(0.1, 3_600),
    accepted="a duration up to 1h",
    meaning="How often the supervisor checks for missing actors and logs restart counts.",
)
HEARTBEAT_URL: Variable[Secret] = Variable(
    name="COSTMON_HEARTBEAT_URL",
    default=None,
    default_words="none",
    parse=parsers.secret_url,
    accepted="a URL: https, or http on loopback",
    meaning="Requested (GET) at each COSTMON_HEARTBEAT_INTERVAL while all actors run: a dead man's "
    "switch there reports when costmon has stopped.",
    secret=True,
)
HEARTBEAT_INTERVAL: Variable[float] = Variable(
    name="COSTMON_HEARTBEAT_INTERVAL",
    default="1m",
    parse=parsers.duration(1, 86_400),
    accepted="a duration from 1s to 1d",
    meaning="How often COSTMON_HEARTBEAT_URL is requested.",
)
STOP_TIMEOUT: Variable[float] = Variable(
    name="COSTMON_STOP_TIMEOUT",
    default="30s",
    parse=parsers.duration(0.1, 600),
    accepted="a duration up to 10m",
    meaning="Maximum time to finish queued work when the service stops; what is left is then "
    "logged.",
)
CONFIG: Variable[Path] = Variable(
    name="COSTMON_CONFIG",
    default="costmon.toml",
    parse=parsers.path,
    accepted="a path; a missing file is an error only when this is set",
    meaning="File for settings that are not secret: further accounts, budgets, prices, retention.",
)
STATE_DIR: Variable[Path] = Variable(
    name="COSTMON_STATE_DIR",
    default="data",
    default_words="data (data-demo with --demo)",
    parse=parsers.path,
    accepted="a directory; created with mode 0700",
    meaning="Directory of the database, the journal, the lock file and the console's socket.",
)
REPORT_SOCKET: Variable[Path | None] = Variable(
    name="COSTMON_REPORT_SOCKET",
    default=None,
    default_words="report.sock in the state directory",
    parse=parsers.path_or_off,
    accepted="off, or a path of at most 107 bytes",
    meaning="Unix socket that guards and metered applications on this machine report to.",
)
TIMEZONE: Variable[str] = Variable(
    name="COSTMON_TIMEZONE",
    default="UTC",
    parse=parsers.timezone,
    accepted="an IANA time zone",
    meaning="The time zone of the times that the command line prints, and in which people's days "
    "and months begin; data is always UTC.",
)
LOG_FORMAT: Variable[LogFormat] = Variable(
    name="COSTMON_LOG_FORMAT",
    default="auto",
    parse=parsers.one_of("auto", "json", "console"),
    accepted="auto, json or console",
    meaning="`auto` is `console` on a terminal, and otherwise `json`: one JSON object per line.",
)
LOG_LEVEL: Variable[LogLevel] = Variable(
    name="COSTMON_LOG_LEVEL",
    default="info",
    parse=parsers.one_of("debug", "info", "warning", "error"),
    accepted="debug, info, warning or error",
    meaning="Minimum severity of the log lines that are written.",
)

TELEGRAM_BOT_TOKEN: Variable[Secret] = Variable(
    name="TELEGRAM_BOT_TOKEN",
    default=None,
    default_words="none; alerts then go to the log only",
    parse=parsers.secret(),
    accepted="a bot's token from @BotFather",
    meaning="The bot that sends alerts to TELEGRAM_CHANNEL_ID.",
    secret=True,
)
TELEGRAM_CHANNEL_ID: Variable[str] = Variable(
    name="TELEGRAM_CHANNEL_ID",
    default=None,
    default_words="none; needed with TELEGRAM_BOT_TOKEN",
    parse=parsers.chat_id,
    accepted="a chat's id, or @channelname",
    meaning="The chat that alerts are sent to; the bot must be a member of it.",
)
TELEGRAM_API_URL: Variable[str] = Variable(
    name="TELEGRAM_API_URL",
    default="https://api.telegram.org",
    parse=parsers.api_url,
    accepted="a base URL: https, or http on loopback",
    meaning="Where the Telegram Bot API is.",
)

OWN_GROUPS: tuple[tuple[str, Group], ...] = (
    (
        "Polling and alerts",
        (
            POLL_INTERVAL,
            COST_REFRESH_INTERVAL,
            DO_COST_THRESHOLD,
            ALERT_COOLDOWN,
            HEALTH_CHECK_INTERVAL,
            HEARTBEAT_URL,
            HEARTBEAT_INTERVAL,
        ),
    ),
    ("Telegram", (TELEGRAM_BOT_TOKEN, TELEGRAM_CHANNEL_ID, TELEGRAM_API_URL)),
    ("HTTP", (HOST, PORT, API_TOKEN, ALLOWED_HOSTS, TRUSTED_PROXIES, METRICS_PORT, METRICS_AUTH)),
    ("History and files", (STATE_DIR, DATABASE_URL, DATABASE_UPGRADE, CONFIG)),
    ("Guards", (REPORT_SOCKET,)),
    ("Running", (STOP_TIMEOUT, TIMEZONE, LOG_FORMAT, LOG_LEVEL)),
)
