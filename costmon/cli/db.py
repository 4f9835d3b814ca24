"""`costmon db`: the history's schema and its backups."""

import argparse
import sys
from pathlib import Path

from costmon.cli.command import add_action, add_settings, load_settings, require_service
from costmon.errors import ConfigError, Fault

NAME = "db"
HELP = "manage the history database: upgrade, downgrade, current, backup, restore, copy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions; each has the options of its own."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    upgrade = add_action(
        actions,
        "upgrade",
        "upgrade the schema to this version's, or to REVISION",
        "The service must be stopped. An SQLite history with an older schema is copied first, to a "
        "file beside it.",
    )
    upgrade.add_argument(
        "revision",
        nargs="?",
        default="head",
        metavar="REVISION",
        help="revision of the schema; `head` is this version's (default: head)",
    )
    downgrade = add_action(
        actions,
        "downgrade",
        "downgrade the schema to REVISION",
        "The service must be stopped. What the older schema cannot hold is lost; an SQLite history "
        "is copied first, to a file beside it.",
    )
    downgrade.add_argument(
        "revision",
        metavar="REVISION",
        help="revision of the schema; `base` removes all tables of the history",
    )
    current = add_action(actions, "current", "print the revision of the schema")
    backup = add_action(
        actions,
        "backup",
        "copy an SQLite history to FILE, even while the service runs",
        "For PostgreSQL, use pg_dump.",
    )
    backup.add_argument("file", type=Path, metavar="FILE", help="file to write; must not exist")
    restore = add_action(
        actions,
        "restore",
        "replace an SQLite history with FILE",
        "The service must be stopped. The previous history is kept in a file beside it, whose name "
        "is printed. For PostgreSQL, use pg_restore.",
    )
    restore.add_argument(
        "file", type=Path, metavar="FILE", help="a file written by `costmon db backup`"
    )
    copy = add_action(
        actions,
        "copy",
        "copy the history from one database to another, such as from SQLite to PostgreSQL",
        "The service must be stopped. TO must be empty; it gets this version's schema. Everything "
        "is copied or nothing, and rows are counted afterwards. FROM stays as it is. A password "
        "is better given by PGPASSWORD or ~/.pgpass than in a URL that others see in `ps`.",
    )
    copy.add_argument(
        "source", metavar="FROM", help="database URL, such as sqlite:///data/costmon.db"
    )
    copy.add_argument(
        "target", metavar="TO", help="database URL, such as postgresql://costmon@db/costmon"
    )
    for action in (upgrade, downgrade, current, backup, restore, copy):
        add_settings(action)


def execute(arguments: argparse.Namespace) -> int:
    """Do one action; what changes the database needs the service to be stopped."""
    require_service(NAME)
    from costmon import logs
    from costmon.bootstrap.statedir import StateDirectory
    from costmon.store.backup import backup
    from costmon.store.revisions import current

    settings = load_settings(arguments).settings
    logs.configure(level="warning", form=settings.log_format, secrets=settings.secrets())
    url = settings.database_url
    match arguments.action:
        case "current":
            print(current(url) or "no schema yet")
        case "backup":
            backup(url, arguments.file)
            print(f"history copied to {arguments.file}")
        case "copy":
            with StateDirectory(settings.state_dir):
                _copy(arguments.source, arguments.target)
        case changing:
            with StateDirectory(settings.state_dir):
                copy = _change(changing, url, arguments)
            if copy is not None:
                print(f"the previous history is kept in {copy}")
            print(f"the schema is at {current(url) or 'base (empty)'}")
    return 0


def _copy(source: str, target: str) -> None:
    from costmon.store.transfer import copy_history

    def say(table: str, copied: int, total: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[K{table}: {copied:,} of {total:,} rows")

    copied = copy_history(source, target, say)
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    for table, rows in copied.items():
        print(f"{table}: {rows:,} rows")
    print(
        f"{sum(copied.values()):,} rows of {len(copied)} tables copied and counted; set"
        " COSTMON_DATABASE_URL to the new database"
    )


def _change(action: str, url: str, arguments: argparse.Namespace) -> Path | None:
    from costmon.store.backup import restore
    from costmon.store.migrate import downgrade, upgrade
    from costmon.store.revisions import known_revisions

    if action == "restore":
        return restore(arguments.file, url)
    revision = arguments.revision
    known = {"head", "base", *known_revisions()}
    if revision not in known:
        accepted = f"one of {', '.join(sorted(known))}"
        raise ConfigError((Fault(name="REVISION", value=revision, accepted=accepted),))
    return upgrade(url, revision) if action == "upgrade" else downgrade(url, revision)
