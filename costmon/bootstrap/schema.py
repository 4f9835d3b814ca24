"""Bring the database's schema to this version before anything writes, or refuse to start."""

import sys

import structlog

from costmon.config import Settings
from costmon.errors import (
    StoreDamagedError,
    StoreOutdatedError,
    StoreTooNewError,
    StoreUnavailableError,
)
from costmon.store.revisions import check_schema


def prepare_schema(settings: Settings) -> None:
    """Upgrade an SQLite file (a backup is made first); ask before touching a server.

    A database that is away, damaged or of a newer version does not prevent the start: current costs
    need none, and what is observed waits in the journal until it can be written.

    Raises:
        StoreOutdatedError: An upgrade is needed, and nobody allowed it.
        StoreError: The database belongs to another program, or its driver is missing.
    """
    log = structlog.get_logger()
    url = settings.database_url
    try:
        try:
            check_schema(url)
        except StoreOutdatedError:
            if not _allowed(settings):
                raise
            from costmon.store.migrate import upgrade

            backup = upgrade(url)
            log.info("bootstrap.schema_upgraded", backup=None if backup is None else str(backup))
    except (StoreUnavailableError, StoreDamagedError, StoreTooNewError) as error:
        log.error(
            "bootstrap.database_unusable",
            error=str(error),
            hint="current costs are served; observations wait in the journal",
        )


def _allowed(settings: Settings) -> bool:
    match settings.database_upgrade:
        case "yes":
            return True
        case "no":
            return False
        case _:
            return settings.database_url.startswith("sqlite") or _asked()


def _asked() -> bool:
    if not sys.stdin.isatty():
        return False
    answer = input("The database needs this version's schema. Upgrade it now? [y/N] ")
    return answer.strip().lower() in {"y", "yes"}
