"""Where the actions of `costmon meter` read: a file, what is measured now, or a server."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from costmon.cli.client import ServiceClient
from costmon.cli.command import load_settings
from costmon.cli.meter_options import merged, projecting
from costmon.errors import CostmonError, InputError
from costmon.meter.figures import Snapshot

View = dict[str, Any]
_ASKED = {"target_users": "users", "requests_per_user_per_second": "rps"}


class NothingMeasuredError(CostmonError):
    """Nothing was measured, so nothing can be said: neither good nor bad."""


def snapshot_from(file: Path | None, service: str | None) -> Snapshot:
    """Return a recording, or what all processes of a service have measured up to now.

    Raises:
        NothingMeasuredError: Nothing is being measured.
        InputError: The file is not a recording, or several services match.
        OSError: The file cannot be read.
    """
    if file is not None:
        from costmon.meter.recordings import load

        recording = load(file)
        if service is not None and service != recording.service:
            raise InputError(f"{file} is a recording of {recording.service!r}, not of {service!r}")
        return recording
    from costmon.meter.reporting.source import FileSource

    found = {snapshot.service: snapshot for snapshot in FileSource().services()}
    if service is not None:
        if service not in found:
            known = ", ".join(found) or "none"
            raise NothingMeasuredError(
                f"no application {service!r} is measured here; those that are: {known}"
            )
        return found[service]
    if not found:
        raise NothingMeasuredError(
            "no application is measured here; start one with `costmon meter run -- COMMAND`"
        )
    if len(found) > 1:
        raise InputError(f"choose the application with --service: {', '.join(found)}")
    (only,) = found.values()
    return only


def projected_from(arguments: argparse.Namespace) -> Snapshot:
    """Return the snapshot that an action is about, with the options of the command line.

    Raises:
        NothingMeasuredError: See `snapshot_from`; so for the other errors.
        InputError: An option cannot be used.
    """
    from costmon.meter.option_parsing import parse_options

    snapshot = snapshot_from(arguments.file, arguments.service)
    given = projecting(arguments)
    if not given:
        return snapshot
    return snapshot._replace(options=parse_options(merged(snapshot.options._asdict(), given)))


def view_from(arguments: argparse.Namespace, *, judged: bool = False) -> View:
    """Return all that is to be said about one service, as the dashboard has it.

    Args:
        arguments: Of the command line.
        judged: Whether the caller goes by the budgets itself, so that a server need not.

    Raises:
        NothingMeasuredError: See `snapshot_from`; so for the other errors.
        ServiceError: Nobody answers at `--url`.
    """
    if arguments.url is not None:
        return _asked(arguments, judged=judged)
    from costmon.clock import SystemClock
    from costmon.meter.dashboard.view import view_of
    from costmon.meter.price_list import prices_of
    from costmon.meter.projection.projecting import project

    snapshot = projected_from(arguments)
    today = SystemClock().now().date()
    return view_of(snapshot, project(snapshot, prices_of(snapshot.options), today=today))


def save(arguments: argparse.Namespace) -> int:
    """Keep what is measured now in a file.

    Raises:
        NothingMeasuredError: Nothing is being measured.
        OSError: The file cannot be written.
    """
    from costmon.meter import recordings

    snapshot = snapshot_from(None, arguments.service)
    recordings.save(arguments.file, snapshot)
    requests = sum(row.requests for row in snapshot.routes)
    print(f"{arguments.file}: {requests} requests of {snapshot.service}")
    return 0


def _asked(arguments: argparse.Namespace, *, judged: bool) -> View:
    if arguments.file is not None:
        raise InputError("give a FILE or --url, not both")
    given = projecting(arguments)
    if judged:
        given.pop("budgets", None)
        given.pop("budget_usd", None)
    params = {_ASKED[name]: str(given.pop(name)) for name in list(given) if name in _ASKED}
    if given:
        options = ", ".join(_option(name) for name in sorted(given))
        raise InputError(f"{options} cannot be used with a server: give a FILE")
    if arguments.service is not None:
        params["service"] = arguments.service
    client = _client(arguments)
    # Amounts are text; the few other numbers with a point are shares and seconds.
    answer = client.get("/api/v1/meter", params).text
    return _shown(json.loads(answer) if answer else None, arguments.url)


def _option(name: str) -> str:
    return "--budget" if name == "budgets" else f"--{name.replace('_', '-')}"


def _client(arguments: argparse.Namespace) -> ServiceClient:
    from dataclasses import replace

    wanted = f"--url {arguments.url!r}: give a URL such as http://localhost:7777"
    try:
        parts = urlsplit(arguments.url)
        port = parts.port or 80
    except ValueError:
        raise InputError(wanted) from None
    if parts.scheme != "http" or not parts.hostname or parts.path.strip("/") or parts.query:
        raise InputError(wanted)
    settings = load_settings(arguments).settings
    return ServiceClient(replace(settings, host=parts.hostname, port=port))


def _shown(content: object, url: str) -> View:
    """Return what a server says of one service; amounts stay the text that they are.

    Raises:
        NothingMeasuredError: No application reports to it.
        InputError: It is not a dashboard or a costmon service.
    """
    if not isinstance(content, Mapping) or "data" not in content:
        raise InputError(
            f"{url} has no meter: is it the URL of a dashboard, or of a costmon service?"
        )
    view = content["data"]
    if view is None:
        raise NothingMeasuredError(f"no application reports to {url}")
    if not isinstance(view, Mapping) or "projection" not in view:
        raise InputError(f"{url} has a meter of another version: use the same version of costmon")
    return dict(view)
