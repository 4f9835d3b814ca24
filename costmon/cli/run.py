"""`costmon run`: the service."""

import argparse
import gc
import sys

from costmon.cli.command import add_settings, load_settings, require_service

NAME = "run"
HELP = "run the service: poll accounts, keep history, serve the API and web page, send alerts"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--once", action="store_true", help="poll every account once, print the costs and exit"
    )
    parser.add_argument(
        "--repl",
        action="store_true",
        help="also open a Python prompt on the service in this terminal; `costmon console` opens "
        "one from another terminal",
    )
    parser.add_argument(
        "--host",
        metavar="HOST",
        help="address to listen on (default: $COSTMON_HOST, else 127.0.0.1); others than loopback "
        "require COSTMON_API_TOKEN",
    )
    parser.add_argument(
        "--port", metavar="PORT", help="port to listen on (default: $COSTMON_PORT, else 8090)"
    )
    parser.add_argument(
        "--poll-interval",
        metavar="TIME",
        help="time between two polls of an account, such as 30s or 5m (default: "
        "$COSTMON_POLL_INTERVAL, else 5m; 2s with --demo)",
    )
    parser.add_argument(
        "--log-format",
        metavar="FORMAT",
        help="json, console, or auto: console on a terminal, otherwise json (default: "
        "$COSTMON_LOG_FORMAT, else auto)",
    )
    parser.add_argument(
        "--log-level",
        metavar="LEVEL",
        help="lowest severity to log: debug, info, warning or error (default: $COSTMON_LOG_LEVEL, "
        "else info)",
    )
    add_settings(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Run until stopped."""
    require_service(NAME)
    loaded = load_settings(arguments, accounts_required=True)
    import structlog

    from costmon import logs
    from costmon.bootstrap.run import run

    settings = loaded.settings
    output = logs.configure(
        level=settings.log_level,
        form=settings.log_format,
        secrets=settings.secrets(),
        labels={"demo": True} if settings.demo else {},
    )
    log = structlog.get_logger()
    for warning in loaded.warnings:
        log.warning("config.unwise_setting", warning=warning)
    # Modules stay until the process ends. A full collection that looks at them takes 0.1 s, and
    # comes when a vendor's month is read.
    gc.freeze()
    return run(
        settings,
        once=arguments.once,
        repl=arguments.repl,
        show_status=output.show_status,
        show_login=_show_login,
    )


def _show_login(url: str) -> None:
    # On a terminal only: whoever reads a log file or the journal need not be allowed to decide.
    if sys.stdout.isatty():
        print(f"To make changes in a browser, open this link (once, within 10 minutes):\n{url}")
