"""Where `costmon meter` reads figures: a file, running applications, or a server."""

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
    """Nothing has been measured, so there is no result."""


def snapshot_from(file: Path | None, service: str | None, *, newest_run: bool = False) -> Snapshot:
    """Return a recording, or the live figures of all processes of a service.

    Args:
        file: The recording; `None`: the live figures.
        service: The service; `None`: the only one, or the only one in the working directory.
        newest_run: Whether to leave out earlier starts of the service.

    Raises:
        NothingMeasuredError: Nothing is being measured.
        InputError: The file is not a recording, or `--service` is needed.
        OSError: The file cannot be read.
    """
    if file is not None:
        from costmon.meter.recordings import load

        recording = load(file)
        if service is not None and service != recording.service:
            raise InputError(f"{file} is a recording of {recording.service!r}, not of {service!r}")
        return recording
    from costmon.meter.reporting.source import FileSource

    found = {
        snapshot.service: snapshot for snapshot in FileSource(newest_run=newest_run).services()
    }
    if service is not None:
        if service not in found:
            here = _here(
                {name: it for name, it in found.items() if name.startswith(f"{service} in ")}
            )
            if here is not None:
                return here
            known = ", ".join(found) or "none"
            raise NothingMeasuredError(
                f"application {service!r} is not measured on this machine; measured: {known}"
            )
        return found[service]
    if not found:
        raise NothingMeasuredError(
            "no application is measured on this machine; start one with "
            "`costmon meter run -- COMMAND`"
        )
    here = next(iter(found.values())) if len(found) == 1 else _here(found)
    if here is None:
        raise InputError(
            "several applications are measured: run this in the folder of one, or choose one with "
            f"--service: {', '.join(found)}"
        )
    return here


def _here(found: Mapping[str, Snapshot]) -> Snapshot | None:
    """Return the only application that lives in the working directory; else `None`."""
    here = Path.cwd()
    inside = [
        it
        for it in found.values()
        if here in (Path(it.options.place), *Path(it.options.place).parents)
    ]
    return inside[0] if len(inside) == 1 else None


def projected_from(arguments: argparse.Namespace, *, newest_run: bool = False) -> Snapshot:
    """Return the snapshot to export, with the options of the command line.

    Raises:
        NothingMeasuredError: See `snapshot_from`, also for the other errors.
        InputError: An option is not valid.
    """
    from costmon.meter.option_parsing import parse_options

    snapshot = snapshot_from(arguments.file, arguments.service, newest_run=newest_run)
    given = projecting(arguments)
    if not given:
        return snapshot
    return snapshot._replace(options=parse_options(merged(snapshot.options._asdict(), given)))


def view_from(arguments: argparse.Namespace, *, judged: bool = False) -> View:
    """Return everything known about one service, in the dashboard's format.

    Args:
        arguments: Of the command line.
        judged: Whether the caller checks budgets itself: then they are not sent to a server, and
            earlier starts of the application do not count.

    Raises:
        NothingMeasuredError: See `snapshot_from`, also for the other errors.
        ServiceError: The server at `--url` does not answer.
    """
    if arguments.url is not None:
        return _asked(arguments, judged=judged)
    from costmon.clock import SystemClock
    from costmon.meter.dashboard.view import view_of
    from costmon.meter.price_list import prices_of
    from costmon.meter.projection.projecting import project

    snapshot = projected_from(arguments, newest_run=judged)
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
        raise InputError("use either FILE or --url, not both")
    given = projecting(arguments)
    if judged:
        given.pop("budgets", None)
        given.pop("budget_usd", None)
    params = {_ASKED[name]: str(given.pop(name)) for name in list(given) if name in _ASKED}
    if given:
        options = ", ".join(_option(name) for name in sorted(given))
        raise InputError(f"{options} cannot be used with --url: use a FILE")
    if arguments.service is not None:
        params["service"] = arguments.service
    client = _client(arguments)
    # Amounts are text; the only floating-point numbers are ratios and seconds.
    answer = client.get("/api/v1/meter", params).text
    return _shown(json.loads(answer) if answer else None, arguments.url)


def _option(name: str) -> str:
    return "--budget" if name == "budgets" else f"--{name.replace('_', '-')}"


def _client(arguments: argparse.Namespace) -> ServiceClient:
    from dataclasses import replace

    wanted = f"--url {arguments.url!r} is not valid: use for example http://localhost:7777"
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
    """Return a server's figures of one service; amounts stay text.

    Raises:
        NothingMeasuredError: No application reports to this server.
        InputError: It is not a meter dashboard or a costmon service.
    """
    if not isinstance(content, Mapping) or "data" not in content:
        raise InputError(f"{url} is not a meter dashboard or a costmon service")
    view = content["data"]
    if view is None:
        raise NothingMeasuredError(f"no application reports to {url}")
    if not isinstance(view, Mapping) or "projection" not in view:
        raise InputError(f"{url} runs an incompatible version of costmon")
    return dict(view)
