"""Read the `[[action]]` tables: what else is done when a circuit opens; a dry run by default."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from costmon.config import parsers
from costmon.config.budgets import pattern
from costmon.config.parsers import Refused
from costmon.config.reader import Reader
from costmon.config.secret import Secret
from costmon.config.tables import TableReader, shown
from costmon.config.variables import Variable
from costmon.domain.scope import GLOBAL
from costmon.errors import InputError

WEBHOOK_KEYS = ("kind", "name", "scope", "dry_run", "url_env", "secret_env")
COMMAND_KEYS = ("kind", "name", "scope", "dry_run", "argv", "timeout")
_KEYS = {"webhook": WEBHOOK_KEYS, "command": COMMAND_KEYS}
_NAME = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_VARIABLE_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,99}", re.ASCII)
_TIMEOUT = parsers.duration(0.1, 30)
_DEFAULT_TIMEOUT = "10s"
_SECRET_CHARACTERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEntry:
    """One `[[action]]`, its secrets not yet read.

    Attributes:
        name: Its name, unique among actions.
        scope: Of the circuits that it is for; may be a pattern, and `global` is every circuit.
        is_dry_run: Whether the log only says what would be done.
        url_env: The variable that holds the URL of a webhook; empty for a command.
        secret_env: The variable that holds the secret for its signatures; empty for a command.
        argv: The command and its arguments; none for a webhook.
        timeout_s: Seconds after which the command is killed.
    """

    name: str
    scope: str
    is_dry_run: bool
    url_env: str
    secret_env: str
    argv: tuple[str, ...]
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSettings:
    """An action with its secrets.

    Attributes:
        entry: What the file says.
        url: Of a webhook.
        secret: Of a webhook.
    """

    entry: ActionEntry
    url: Secret | None
    secret: Secret | None


def read_action_entries(read: TableReader, tables: object) -> tuple[ActionEntry, ...]:
    """Return the actions that are right, in their order; every one that is not is a fault."""
    found: dict[str, ActionEntry] = {}
    for number, table in enumerate(read.listed("action", tables)):
        where = f"action[{number}]"
        entry = _entry(read, where, table)
        if entry is None:
            continue
        if entry.name in found:
            read.refuse(f"{where}.name", entry.name, "a name that no other action has")
        found[entry.name] = entry
    return tuple(found.values())


def _entry(read: TableReader, where: str, table: Mapping[str, object]) -> ActionEntry | None:
    before = len(read.faults)
    kind = str(table.get("kind"))
    if kind not in _KEYS:
        read.refuse(f"{where}.kind", shown(table.get("kind")), f"one of {', '.join(_KEYS)}")
        return None
    read.known_keys(where, table, _KEYS[kind], f"key of an [[action]] of kind {kind}")
    name = table.get("name")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        read.refuse(f"{where}.name", shown(name), "1 to 40 of a-z, 0-9 and -")
    scope = table.get("scope", GLOBAL)
    try:
        scope = pattern(scope)
    except InputError as error:
        read.refuse(f"{where}.scope", shown(scope), str(error))
    is_dry_run = table.get("dry_run", True)
    if not isinstance(is_dry_run, bool):
        read.refuse(f"{where}.dry_run", shown(is_dry_run), "true or false")
    variables = {"url_env": "", "secret_env": ""}
    argv: tuple[str, ...] = ()
    timeout_s = 0.0
    if kind == "webhook":
        for key in variables:
            given = table.get(key)
            if isinstance(given, str) and _VARIABLE_NAME.fullmatch(given):
                variables[key] = given
            else:  # it may be the URL itself: do not show it
                read.refuse(f"{where}.{key}", "...", "the name of a variable such as STOP_URL")
    else:
        argv = _argv(read, where, table.get("argv"))
        try:
            timeout_s = _TIMEOUT(str(table.get("timeout", _DEFAULT_TIMEOUT)))
        except Refused as refused:
            read.refuse(f"{where}.timeout", shown(table.get("timeout")), str(refused))
    if len(read.faults) > before:
        return None
    return ActionEntry(
        name=str(name),
        scope=str(scope),
        is_dry_run=bool(is_dry_run),
        argv=argv,
        timeout_s=timeout_s,
        **variables,
    )


def _argv(read: TableReader, where: str, value: object) -> tuple[str, ...]:
    if (
        isinstance(value, list)
        and value
        and all(isinstance(one, str) and "\0" not in one for one in value)
        and value[0].startswith("/")
    ):
        return tuple(value)
    accepted = 'a list of texts, the first the full path of a program: ["/usr/local/bin/stop", "x"]'
    read.refuse(f"{where}.argv", "", accepted)
    return ()


def read_actions(read: Reader, entries: Sequence[ActionEntry]) -> tuple[ActionSettings, ...]:
    """Return the actions with their secrets; a secret that is not set is a fault."""
    found = []
    for entry in entries:
        secrets: list[Secret | None] = []
        for name, parse in (
            (entry.url_env, parsers.secret_url),
            (entry.secret_env, parsers.secret(_SECRET_CHARACTERS)),
        ):
            if not name:
                secrets.append(None)
                continue
            before = len(read.faults)
            secret = read.read_optional(
                Variable(name=name, default=None, parse=parse, accepted="", meaning="", secret=True)
            )
            if secret is None and len(read.faults) == before:
                read.refuse(name, "", f"is required by action {entry.name}: set it in .env")
            secrets.append(secret)
        found.append(ActionSettings(entry=entry, url=secrets[0], secret=secrets[1]))
    return tuple(found)
