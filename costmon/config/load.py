"""Find the settings of this process: command line > `.env` > environment > `costmon.toml`.

`.env` is read by python-dotenv, which comes with the service. The commands that work without it
read the other sources only.
"""

import io
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from costmon.config import variables as var
from costmon.config.credentials import SUFFIXES
from costmon.config.file import check_text, read_file
from costmon.config.providers import Providers
from costmon.config.settings import Settings
from costmon.config.terminal import PLAIN, TerminalSettings, terminal_settings
from costmon.config.unknown import describe_tolerated
from costmon.errors import Fault, MissingPackageError

DOTENV = Path(".env")
NEEDS_DOTENV = "python-dotenv is not installed: pip install python-dotenv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The settings, and what is allowed but unwise.

    Attributes:
        settings: Checked.
        warnings: One sentence each, for the log.
        hints: One sentence for each variable that is set and not enough to read its vendor.
        terminal: What the environment says of the terminal.
        ignored: A `.env` that exists and was not read, because python-dotenv is not installed.
    """

    settings: Settings
    warnings: tuple[str, ...]
    hints: tuple[str, ...] = ()
    terminal: TerminalSettings = PLAIN
    ignored: Path | None = None


class Drafts(NamedTuple):
    """Contents that are read in place of those of the two files, before they are written.

    Attributes:
        dotenv: Of `.env`; it may hold secrets.
        config: Returns that of `costmon.toml`, given its path.
    """

    dotenv: str
    config: Callable[[Path], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _DotEnv:
    values: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    ignored: Path | None = None


def load(
    *,
    providers: Providers,
    environ: Mapping[str, str] | None = None,
    dotenv: Path | None = None,
    overrides: Mapping[str, str] | None = None,
    demo: bool = False,
    accounts_required: bool = True,
    drafts: Drafts | None = None,
) -> Loaded:
    """Read every source and check it all.

    Args:
        providers: What the vendors' providers declare.
        environ: The environment; `None` for this process's own.
        dotenv: A file that must exist; `None` for `.env`, which need not.
        overrides: Variables given on the command line.
        demo: Run on the simulated vendor.
        accounts_required: Whether it is a fault when nothing can be polled.
        drafts: What to read in place of the two files, which then need not exist.

    Raises:
        ConfigError: With every fault of every source.
        MissingPackageError: `dotenv` is given and python-dotenv is not installed.
    """
    inherited = os.environ if environ is None else environ
    if drafts is None:
        own = _read_dotenv(dotenv or DOTENV, required=dotenv is not None)
    else:
        own = _parse_dotenv(dotenv or DOTENV, drafts.dotenv)
    chosen = {**own.values, **(overrides or {})}
    merged = _layered(chosen, inherited)
    config = merged.get(var.CONFIG.name, "").strip()
    path = Path(config or var.CONFIG.default or "").expanduser()
    if drafts is None:
        file = read_file(path, providers, required=bool(config))
    else:
        file = check_text(drafts.config(path), path, providers)
    tolerated = inherited.keys() - chosen.keys()
    settings = Settings.from_env(
        merged,
        providers=providers,
        file=replace(file, faults=own.faults + file.faults),
        demo=demo,
        accounts_required=accounts_required,
        tolerated=tolerated,
    )
    hints = providers.hints(merged, (account.provider for account in settings.accounts))
    return Loaded(
        settings=settings,
        hints=tuple(f"{hint.name} alone: {hint.text}" for hint in hints),
        warnings=own.warnings + describe_tolerated(tolerated, providers, file.credential_variables),
        terminal=terminal_settings(inherited),
        ignored=own.ignored,
    )


def _layered(above: Mapping[str, str], below: Mapping[str, str]) -> dict[str, str]:
    """Lay one layer over another; empty is unset, and `X` above also hides `X_FILE` below."""
    given = {name: text for name, text in above.items() if text.strip()}
    secrets = {name.removesuffix(suffix) for name in given for suffix in ("", *SUFFIXES)}
    hidden = {name + suffix for name in secrets for suffix in ("", *SUFFIXES)}
    return {name: text for name, text in below.items() if name not in hidden} | given


def _read_dotenv(path: Path, *, required: bool) -> _DotEnv:
    if find_spec("dotenv") is None:
        if required:
            raise MissingPackageError(f"{path} cannot be read: {NEEDS_DOTENV}")
        return _DotEnv(values={}, ignored=path if path.exists() else None)
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text("utf-8")
    except FileNotFoundError:
        faults = (_fault(path, "an existing file"),) if required else ()
        return _DotEnv(values={}, faults=faults)
    except OSError as error:
        return _DotEnv(values={}, faults=(_fault(path, f"a readable file ({error.strerror})"),))
    except UnicodeDecodeError:
        return _DotEnv(values={}, faults=(_fault(path, "a UTF-8 file"),))
    warnings = tuple(_permission_warnings(path, mode))
    return replace(_parse_dotenv(path, text), warnings=warnings)


def _parse_dotenv(path: Path, text: str) -> _DotEnv:
    import dotenv.parser

    # Without interpolate=False a token that holds ${...} would be changed.
    text = text.removeprefix("\ufeff")
    values = dotenv.dotenv_values(stream=io.StringIO(text), interpolate=False)
    return _DotEnv(
        values={name: value for name, value in values.items() if value is not None},
        faults=tuple(
            _fault(path, f"NAME=value in line {binding.original.line}")
            for binding in dotenv.parser.parse_stream(io.StringIO(text))
            if binding.error
        ),
    )


def _permission_warnings(path: Path, mode: int) -> Iterable[str]:
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield f"{path} contains secrets and other users can read it (mode {mode:04o}): chmod 600 "
        f"{path}"


def _fault(path: Path, accepted: str) -> Fault:
    return Fault(name=path.name, value=str(path), accepted=accepted)
