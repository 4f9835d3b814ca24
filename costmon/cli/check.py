"""`costmon check`: the doctor."""

import argparse

from costmon.cli.command import add_settings, load_settings, require_service

NAME = "check"
HELP = "check the setup: settings, files, database, tokens, port; exit 1 if something is wrong"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--offline",
        action="store_true",
        help="do not send the requests that check the tokens with the vendors",
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
    failed = 0
    for finding in Examination(loaded, SystemClock()).findings(offline=arguments.offline):
        failed += finding.level == "FAIL"
        print(line(finding, redaction), flush=True)
    return 1 if failed else 0
