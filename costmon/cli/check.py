"""`costmon check`: the doctor."""

import argparse
import sys
from typing import TYPE_CHECKING

from costmon.cli.command import add_settings, load_settings, require_service

if TYPE_CHECKING:
    from costmon.config import Settings
    from costmon.logs import Redaction

NAME = "check"
HELP = "check the setup: settings, files, database, tokens, port; exit 1 if something is wrong"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--offline",
        action="store_true",
        help="do not send the requests that check the tokens with the vendors",
    )
    parser.add_argument(
        "--dry-run",
        metavar="NAME",
        help="only read the account NAME once and show its rows; nothing is recorded",
    )
    add_settings(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print one line a finding; 0 when none of them is a failure."""
    require_service(NAME)
    from costmon import logs
    from costmon.cli.doctor import Examination, line
    from costmon.clock import SystemClock

    loaded = load_settings(arguments, accounts_required=True)
    settings = loaded.settings
    logs.configure(level="error", form=settings.log_format, secrets=settings.secrets())
    redaction = logs.Redaction(settings.secrets())
    if arguments.dry_run is not None:
        return _dry_run(arguments.dry_run, settings, redaction)
    failed = 0
    for finding in Examination(loaded, SystemClock()).findings(offline=arguments.offline):
        failed += finding.level == "FAIL"
        print(line(finding, redaction), flush=True)
    return 1 if failed else 0


def _dry_run(name: str, settings: "Settings", redaction: "Redaction") -> int:
    """Print the rows of one account; 0 when all of its readings could be read."""
    from costmon.cli.dry_run import rows_of
    from costmon.clock import SystemClock
    from costmon.errors import ChargeError, ProviderError

    if settings.demo:
        sys.stderr.write("costmon: the accounts of --demo are simulated: leave out --demo\n")
        return 1
    accounts = {account.name: account for account in settings.accounts}
    account = accounts.get(name)
    if account is None or account.off_because is not None:
        reason = "there is no such account" if account is None else account.off_because
        sys.stderr.write(f"costmon: {name}: {reason}; accounts: {', '.join(accounts)}\n")
        return 1
    try:
        for text in rows_of(account, settings, SystemClock()):
            print(redaction.text(text), flush=True)
    except (ProviderError, ChargeError):
        return 1  # it has been printed
    return 0
