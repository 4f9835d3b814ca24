"""The settings as one frozen value."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import assert_never
from urllib.parse import unquote, urlsplit

from costmon.config import variables as var
from costmon.config.accounts import AccountSettings, read_accounts
from costmon.config.actions import ActionSettings, read_actions
from costmon.config.channels import ChannelSettings, read_channels
from costmon.config.credentials import SUFFIXES
from costmon.config.demo import demo_accounts, demo_file
from costmon.config.detection import DetectionSettings
from costmon.config.file import NO_FILE, FileSettings
from costmon.config.limits import FxSettings
from costmon.config.parsers import Network, is_loopback
from costmon.config.providers import Providers
from costmon.config.reader import Reader
from costmon.config.secret import Secret
from costmon.config.unknown import refuse_unknown
from costmon.domain.budget import Budget
from costmon.domain.cap import Cap, Quota
from costmon.domain.poll import ReadingKind
from costmon.domain.rule import Rule
from costmon.domain.subscription import Subscription
from costmon.errors import ConfigError

CONSOLE_SOCKET = "console.sock"
REPORT_SOCKET = "report.sock"
# sockaddr_un.sun_path has 108 bytes on Linux, the last of them NUL.
_LONGEST_SOCKET_PATH = 107
_LONGEST_USAGE_INTERVAL_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set, checked; a repr of it shows no secret.

    Attributes:
        accounts: What is polled, in the order of the configuration, names unique.
        cost_threshold: Monthly run-rate in USD above which an alert is raised.
        database_url: SQLAlchemy URL of the history; may hold a password.
        host: Where HTTP listens, an address or a name without brackets.
        port: TCP port of the API.
        api_token: What clients must send as bearer token; `None` only on loopback.
        metrics_port: TCP port of the listener for scraping; `None` is off.
        metrics_auth: Whether that listener asks for `api_token`.
        poll_interval_s: Seconds between two reads of an account's inventory, unless it says so.
        cost_refresh_interval_s: Seconds between two reads of its charges, unless it says so.
        alert_cooldown_s: Least seconds between two repeats of one alert.
        health_check_interval_s: Seconds between two sweeps of the supervisor.
        heartbeat_url: What is requested while all is well; `None`: nothing.
        heartbeat_interval_s: Seconds between two such requests.
        stop_timeout_s: Seconds that a stop may take.
        config_path: Where `costmon.toml` is, whether or not it exists.
        state_dir: Directory of database, journals, lock and console socket.
        report_socket: Where guards on this machine report; `None` is off.
        runtime_dir: The user's own folder for what lives as long as the session; `None`: there is
            none.
        allowed_hosts: Further names accepted in a Host header, lower case.
        trusted_proxies: Whose X-Forwarded-Proto is trusted.
        timezone: IANA key of the times that the command line prints.
        log_format: `auto`, `json` or `console`.
        log_level: Least severe level that is written.
        database_upgrade: `auto`, `yes` or `no`.
        budgets: What guards may let be spent, as far as the file says; each has its currency.
        caps: All budgets of the file, with the levels at which people are told.
        rules: What the spending of scopes is compared with.
        quotas: Of the file: they win over those that costmon knows.
        manual: What is paid by a fixed price, as the file says.
        detection: How spend is watched.
        fx: The currency of totals, and the user's own exchange rates.
        channels: Where alerts are sent besides the log.
        actions: What else is done when a circuit opens.
        retention: Days that each table's rows are kept, only what was set.
        prices: By provider, then by `kind:slug`: USD a month, the user's own.
        demo: The vendors are simulated; state is apart and real tokens are not looked at.
        notify_socket: Where systemd wants to be told of the service's state; `None` outside it.
    """

    accounts: tuple[AccountSettings, ...]
    cost_threshold: Decimal
    database_url: str = field(repr=False)
    host: str
    port: int
    api_token: Secret | None
    metrics_port: int | None
    metrics_auth: var.MetricsAuth
    poll_interval_s: float
    cost_refresh_interval_s: float
    alert_cooldown_s: float
    health_check_interval_s: float
    heartbeat_url: Secret | None
    heartbeat_interval_s: float
    stop_timeout_s: float
    config_path: Path
    state_dir: Path
    report_socket: Path | None
    runtime_dir: Path | None
    allowed_hosts: tuple[str, ...]
    trusted_proxies: tuple[Network, ...]
    timezone: str
    log_format: var.LogFormat
    log_level: var.LogLevel
    database_upgrade: var.DatabaseUpgrade
    budgets: tuple[Budget, ...]
    caps: tuple[Cap, ...]
    rules: tuple[Rule, ...]
    quotas: tuple[Quota, ...]
    manual: tuple[Subscription, ...]
    detection: DetectionSettings
    fx: FxSettings
    channels: tuple[ChannelSettings, ...]
    actions: tuple[ActionSettings, ...]
    retention: Mapping[str, float]
    prices: Mapping[str, Mapping[str, Decimal]]
    demo: bool
    notify_socket: str | None

    @property
    def console_socket(self) -> Path:
        """Return where the console of the running service is."""
        return self.state_dir / CONSOLE_SOCKET

    def interval_s(self, account: AccountSettings, reading: ReadingKind) -> float:
        """Return how often a reading of an account is read, in seconds."""
        own = account.intervals.get(reading)
        if own is not None:
            return own
        match reading:
            case "inventory":
                return self.poll_interval_s
            case "charges":
                return self.cost_refresh_interval_s
            case "usage":
                return min(self.cost_refresh_interval_s, _LONGEST_USAGE_INTERVAL_S)
            case _:
                assert_never(reading)

    def secrets(self) -> tuple[str, ...]:
        """Return every text that must not appear anywhere, for the redaction of logs."""
        texts = [
            secret.reveal() for account in self.accounts for secret in account.credentials.values()
        ]
        texts += [secret.reveal() for channel in self.channels for secret in channel.secrets]
        if self.heartbeat_url is not None:
            texts.append(self.heartbeat_url.reveal())
        texts += [
            secret.reveal()
            for action in self.actions
            for secret in (action.url, action.secret)
            if secret is not None
        ]
        if self.api_token is not None:
            texts.append(self.api_token.reveal())
        password = urlsplit(self.database_url).password
        if password:
            texts += [password, unquote(password)]
        return tuple(dict.fromkeys(texts))

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str],
        *,
        providers: Providers,
        file: FileSettings = NO_FILE,
        demo: bool = False,
        accounts_required: bool = True,
        tolerated: Iterable[str] = (),
    ) -> "Settings":
        """Check a mapping of variables and make the settings of it.

        Args:
            environ: Names and texts; an empty text is unset.
            providers: What the vendors' providers declare.
            file: What `costmon.toml` says, with its own faults.
            demo: Use the simulated vendors, a state directory apart and no real token.
            accounts_required: Whether having no account is a fault: it is for what polls.
            tolerated: Unknown names that are accepted, since they may belong to other programs.

        Raises:
            ConfigError: With every fault there is, not only the first.
        """
        if demo:
            file = demo_file(file, providers)
        read = Reader(environ, file.faults)
        state_dir = _state_dir(read, demo=demo)
        host = read.read(var.HOST)
        port = read.read(var.PORT)
        metrics_port = read.read(var.METRICS_PORT)
        api_token = read.read_optional(var.API_TOKEN)
        if not is_loopback(host) and not _is_set(environ, var.API_TOKEN):
            read.refuse(
                var.HOST.name,
                host,
                "a loopback address, or set COSTMON_API_TOKEN (at least 16 characters)",
            )
        if metrics_port == port:
            read.refuse(var.METRICS_PORT.name, str(port), "a port other than COSTMON_PORT")
        settings = cls(
            accounts=demo_accounts(file, providers)
            if demo
            else read_accounts(
                read,
                providers,
                file.accounts,
                manual=file.manual,
                custom=file.custom,
                required=accounts_required,
            ),
            cost_threshold=read.read(var.DO_COST_THRESHOLD),
            database_url=_database_url(read, state_dir, demo=demo),
            host=host,
            port=port,
            api_token=api_token,
            metrics_port=metrics_port,
            metrics_auth=read.read(var.METRICS_AUTH),
            poll_interval_s=_poll_interval_s(read, demo=demo),
            cost_refresh_interval_s=read.read(var.COST_REFRESH_INTERVAL),
            alert_cooldown_s=read.read(var.ALERT_COOLDOWN),
            health_check_interval_s=read.read(var.HEALTH_CHECK_INTERVAL),
            heartbeat_url=None if demo else read.read_optional(var.HEARTBEAT_URL),
            heartbeat_interval_s=read.read(var.HEARTBEAT_INTERVAL),
            stop_timeout_s=read.read(var.STOP_TIMEOUT),
            config_path=read.read(var.CONFIG),
            state_dir=state_dir,
            report_socket=_report_socket(read, state_dir, demo=demo),
            runtime_dir=_runtime_dir(environ),
            allowed_hosts=read.read_optional(var.ALLOWED_HOSTS) or (),
            trusted_proxies=read.read(var.TRUSTED_PROXIES),
            timezone=read.read(var.TIMEZONE),
            log_format=read.read(var.LOG_FORMAT),
            log_level=read.read(var.LOG_LEVEL),
            database_upgrade=read.read(var.DATABASE_UPGRADE),
            budgets=file.budgets,
            caps=file.caps,
            rules=file.rules,
            quotas=file.quotas,
            manual=() if demo else file.manual,
            detection=file.detection,
            fx=file.fx,
            channels=() if demo else read_channels(read, file.channels),
            actions=() if demo else read_actions(read, file.actions),
            retention=file.retention,
            prices=file.prices,
            demo=demo,
            notify_socket=environ.get("NOTIFY_SOCKET") or None,
        )
        refuse_unknown(read, environ, providers, file.credential_variables, frozenset(tolerated))
        if read.faults:
            raise ConfigError(tuple(read.faults))
        return settings


def _is_set(environ: Mapping[str, str], variable: var.Variable[object]) -> bool:
    names = (variable.name, *(variable.name + suffix for suffix in SUFFIXES))
    return any(environ.get(name, "").strip() for name in names)


def _state_dir(read: Reader, *, demo: bool) -> Path:
    """Return the state directory: the demo's is beside the real one, never the same."""
    path = read.read(var.STATE_DIR)
    if demo:
        path = path.with_name(f"{path.name}-demo") if path.name else path / "demo"
    socket = os.fsencode(path / CONSOLE_SOCKET)
    if len(socket) > _LONGEST_SOCKET_PATH:
        read.refuse(
            var.STATE_DIR.name,
            str(path),
            f"a path at least {len(socket) - _LONGEST_SOCKET_PATH} bytes shorter: the path of the "
            f"console's socket in it can have at most {_LONGEST_SOCKET_PATH} bytes",
        )
    return path


def _report_socket(read: Reader, state_dir: Path, *, demo: bool) -> Path | None:
    """Return where guards report; real guards never report to a demo."""
    given = read.read_optional(var.REPORT_SOCKET)
    if demo and given is not None:
        return state_dir / REPORT_SOCKET
    if given is None:
        # Shorter than the console's socket, which has been checked.
        return None if read.given(var.REPORT_SOCKET) else state_dir / REPORT_SOCKET
    length = len(os.fsencode(given))
    if length > _LONGEST_SOCKET_PATH:
        read.refuse(
            var.REPORT_SOCKET.name,
            str(given),
            f"a path of at most {_LONGEST_SOCKET_PATH} bytes (this one has {length})",
        )
    return given


def _runtime_dir(environ: Mapping[str, str]) -> Path | None:
    text = environ.get("XDG_RUNTIME_DIR", "")
    return Path(text) if text.startswith("/") else None


def _database_url(read: Reader, state_dir: Path, *, demo: bool) -> str:
    """Return the database's URL; simulated costs never go to the real one."""
    given = read.read_optional(var.DATABASE_URL)
    if given is not None and not demo:
        return given
    if "?" in str(state_dir):
        read.refuse(
            var.STATE_DIR.name,
            str(state_dir),
            "a path without `?`, which ends the path in a database URL",
        )
    return f"sqlite:///{state_dir / 'costmon.db'}"


def _poll_interval_s(read: Reader, *, demo: bool) -> float:
    if demo and not read.given(var.POLL_INTERVAL):
        return var.POLL_INTERVAL.parse(var.DEMO_POLL_INTERVAL)
    return read.read(var.POLL_INTERVAL)
