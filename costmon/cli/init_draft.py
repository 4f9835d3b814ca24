"""What `.env` and `costmon.toml` will be: checked as they will be read, and written at the end."""

import argparse
import contextlib
import json
import os
import signal
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from secrets import token_hex

from costmon.cli.command import load_settings
from costmon.config import Settings
from costmon.config.dotenv_text import assigned, with_values
from costmon.config.load import DOTENV, Drafts
from costmon.errors import InputError

_HEADER = "# Settings of costmon that are not secret; costmon.example.toml shows what there is.\n"
_PRIVATE = 0o600

# The header of a table, such as `[[account]]`, and its keys.
Value = str | bool | Decimal | Mapping[str, "str | bool | Decimal"]
Table = tuple[str, Mapping[str, Value]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Both files as far as they have been decided, and what they say together.

    Attributes:
        arguments: The options of the command, which win over both files.
        dotenv: Where `.env` is.
        config: Where `costmon.toml` is.
        dotenv_text: The whole `.env`.
        config_text: The whole `costmon.toml`.
        settings: What is read from both, the environment and the options.
        variables: Which variables were set, in that order.
    """

    arguments: argparse.Namespace
    dotenv: Path
    config: Path
    dotenv_text: str = field(repr=False)
    config_text: str
    settings: Settings
    variables: tuple[str, ...] = ()

    @property
    def assigned(self) -> frozenset[str]:
        """Return the variables that have a value in `.env`."""
        return assigned(self.dotenv_text)

    def tables(self, name: str) -> list[Mapping[str, object]]:
        """Return the tables of one name in `costmon.toml`."""
        found = tomllib.loads(self.config_text).get(name, [])
        return found if isinstance(found, list) else [found]

    def extended(self, values: Mapping[str, str], tables: Iterable[Table] = ()) -> "Draft":
        """Return a draft with further values and tables; it has been read as a service would.

        Args:
            values: By the names of variables, for `.env`.
            tables: Added at the end of `costmon.toml`.

        Raises:
            ConfigError: They are not valid together with what is there.
            InputError: `.env` cannot hold one of the values.
        """
        dotenv_text = with_values(self.dotenv_text, values) if values else self.dotenv_text
        config_text = self.config_text
        for table in tables:
            above = config_text or _HEADER
            end = "" if above.endswith("\n") else "\n"
            config_text = f"{above}{end}\n{_rendered(table)}"
        drafts = Drafts(dotenv_text, lambda _path: config_text)
        return replace(
            self,
            dotenv_text=dotenv_text,
            config_text=config_text,
            settings=load_settings(self.arguments, drafts=drafts).settings,
            variables=tuple(dict.fromkeys((*self.variables, *values))),
        )


def begin(arguments: argparse.Namespace) -> Draft:
    """Return the draft of what is there now.

    Raises:
        ConfigError: It is not valid: nothing can be added before it is corrected.
        InputError: A file cannot be read, or its directory cannot be written to.
    """
    dotenv = Path(arguments.env_file or DOTENV).absolute()
    dotenv_text = _content(dotenv)
    settings = load_settings(arguments, drafts=Drafts(dotenv_text, _content)).settings
    config = settings.config_path.absolute()
    for path in (dotenv, config):
        folder = path.resolve().parent
        if not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(f"{path} cannot be written: {folder} is not a writable directory")
    return Draft(
        arguments=arguments,
        dotenv=dotenv,
        config=config,
        dotenv_text=dotenv_text,
        config_text=_content(config),
        settings=settings,
    )


def write(before: Draft, after: Draft) -> None:
    """Write what has changed: each file is the old or the new one, at every moment.

    `.env` is readable by its owner only, from its first byte.

    Raises:
        InputError: Somebody else has changed a file since it was read.
        OSError: A file cannot be written; both are as they were.
    """
    files: dict[Path, tuple[str, int]] = {}
    if after.dotenv_text != before.dotenv_text:
        files[after.dotenv] = (after.dotenv_text, _PRIVATE)
    if after.config_text != before.config_text:
        files[after.config] = (after.config_text, _mode(after.config, 0o644))
    texts = {before.dotenv: before.dotenv_text, before.config: before.config_text}
    for path in files:
        if _content(path) != texts[path]:
            raise InputError(f"{path} has been changed in the meantime: run `costmon init` again")
    _replace({path.resolve(): content for path, content in files.items()})


def _replace(files: Mapping[Path, tuple[str, int]]) -> None:
    beside = {path: path.with_name(f".{path.name}.{token_hex(8)}") for path in files}
    try:
        for path, (text, mode) in files.items():
            _create(beside[path], text, mode, owner_of=path)
        # Ctrl-C waits until both have their new content.
        old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            for path, new in beside.items():
                new.replace(path)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)
    finally:
        for new in beside.values():
            new.unlink(missing_ok=True)


def _create(path: Path, text: str, mode: int, *, owner_of: Path) -> None:
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
    with open(file, "wb") as stream:  # noqa: PTH123 - of a descriptor, for its mode
        if os.geteuid() == 0:
            # Root writes for the user who runs the service.
            with contextlib.suppress(FileNotFoundError):
                owner = owner_of.stat()
                os.fchown(file, owner.st_uid, owner.st_gid)
        stream.write(text.encode())
        stream.flush()
        os.fsync(file)


def _content(path: Path) -> str:
    """Return a file's text with its line ends; of a file that is not there, an empty one."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a UTF-8 file") from None


def _mode(path: Path, new: int) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return new


def _rendered(table: Table) -> str:
    header, values = table
    return f"{header}\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())


def _toml(value: Value) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, Decimal):
        return f"{value:f}"
    # A JSON text of printable characters is a TOML text, too.
    return json.dumps(value, ensure_ascii=False)
