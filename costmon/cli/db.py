"""`costmon db`: the history's schema and its backups."""

import argparse
from pathlib import Path

from costmon.cli.command import add_settings, load_settings
from costmon.config import Settings

NAME = "db"
HELP = "look after the history: upgrade, downgrade, current, backup, restore"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions; each has the options of its own."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    upgrade = actions.add_parser("upgrade", help="bring the schema to this version's, or REVISION")
    upgrade.add_argument("revision", nargs="?", default="head", metavar="REVISION")
    downgrade = actions.add_parser("downgrade", help="take the schema back to REVISION")
    downgrade.add_argument("revision", metavar="REVISION", help="a revision, -1 or base")
    current = actions.add_parser("current", help="print the schema's revision")
    backup = actions.add_parser("backup", help="copy an SQLite history to FILE, also while it runs")
    backup.add_argument("file", type=Path, metavar="FILE")
    restore = actions.add_parser("restore", help="put FILE in the place of an SQLite history")
    restore.add_argument("file", type=Path, metavar="FILE")
    for action in (upgrade, downgrade, current, backup, restore):
        add_settings(action)


def execute(arguments: argparse.Namespace) -> int:
    """Do one action; what changes the database needs the service to be stopped."""
    from costmon import logs, store
    from costmon.bootstrap.statedir import StateDirectory

    settings = load_settings(arguments).settings
    logs.configure(level="warning", form=settings.log_format, secrets=settings.secrets())
    url = settings.database_url
    match arguments.action:
        case "current":
            print(store.current(url) or "no schema yet")
        case "backup":
            store.backup(url, arguments.file)
            print(f"written to {arguments.file}")
        case changing:
            with StateDirectory(settings.state_dir):
                _change(changing, settings, arguments)
            print(f"the schema is at {store.current(url) or 'its beginning: empty'}")
    return 0


def _change(action: str, settings: Settings, arguments: argparse.Namespace) -> None:
    from costmon import store

    url = settings.database_url
    match action:
        case "upgrade":
            store.upgrade(url, arguments.revision)
        case "downgrade":
            store.downgrade(url, arguments.revision)
        case _:
            store.restore(arguments.file, url)
