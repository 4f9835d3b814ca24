"""`costmon run`: the service."""

import argparse

from costmon.cli.command import add_settings, load_settings, require_service

NAME = "run"
HELP = "run the service: poll accounts, keep history, serve the API and web page, send alerts"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--once", action="store_true", help="poll every account once, print the costs and exit"
    )
    parser.add_argument("--repl", action="store_true", help="open a Python prompt in this terminal")
    parser.add_argument("--host", metavar="HOST", help="listen on HOST instead of 127.0.0.1")
    parser.add_argument("--port", metavar="PORT", help="listen on PORT instead of 8090")
    parser.add_argument("--poll-interval", metavar="TIME", help="poll every TIME, such as 5m")
    parser.add_argument("--log-format", metavar="FORMAT", help="auto, json or console")
    parser.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error")
    add_settings(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Run until stopped."""
    require_service(NAME)
    loaded = load_settings(arguments, accounts_required=True)
    import structlog

    from costmon import bootstrap, logs

    settings = loaded.settings
    logs.configure(
        level=settings.log_level,
        form=settings.log_format,
        secrets=settings.secrets(),
        labels={"demo": True} if settings.demo else {},
    )
    log = structlog.get_logger()
    for warning in loaded.warnings:
        log.warning("config.unwise_setting", warning=warning)
    return bootstrap.run(settings, once=arguments.once, repl=arguments.repl)
