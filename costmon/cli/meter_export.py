"""`costmon meter export`: export figures to Prometheus, OpenTelemetry or FOCUS."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from costmon.atomic_file import replace_file
from costmon.cli.guard_tables import to_json
from costmon.cli.meter_source import projected_from
from costmon.errors import InputError
from costmon.meter.figures import Snapshot
from costmon.meter.price_list import prices_of

_LARGEST_HEADERS = 64 * 1024


def run(arguments: argparse.Namespace) -> int:
    """Write the figures to a file, or send them to a collector.

    Raises:
        InputError: An option does not apply to the format, or is not valid.
        ExportError: The collector did not accept them.
        OSError: The file cannot be written.
    """
    _refuse_misfits(arguments)
    snapshot = projected_from(arguments)
    if arguments.form == "focus":
        from costmon.cli.meter_focus import focus_text

        _write(focus_text(arguments, snapshot), arguments.output)
        return 0
    if arguments.form == "otlp":
        return _otlp(arguments, snapshot)
    from costmon.meter.export.prometheus import text_of
    from costmon.meter.export.rates import rates_of

    rates = {snapshot.service: rates_of(prices_of(snapshot.options), snapshot.options)}
    _write(text_of([snapshot], rates), arguments.output)
    return 0


def _otlp(arguments: argparse.Namespace, snapshot: Snapshot) -> int:
    from costmon.meter.export.collector import Collector
    from costmon.meter.export.otlp import requests_of
    from costmon.meter.export.rates import rates_of

    rates = {snapshot.service: rates_of(prices_of(snapshot.options), snapshot.options)}
    requests = requests_of([snapshot], rates)
    if arguments.endpoint is None:
        _write("".join(f"{to_json(request)}\n" for request in requests), arguments.output)
        return 0
    headers = {} if arguments.header_file is None else headers_in(arguments.header_file)
    collector = Collector(arguments.endpoint, headers=headers)
    sent = 0
    for request in requests:
        collector.send(request)
        sent += 1
    print(f"{collector.where}: {sent} requests sent")
    return 0


def headers_in(path: Path) -> Mapping[str, str]:
    """Return the headers in a file; on the command line, other users could see a key.

    Raises:
        InputError: A line is not a header; the text has the line's number, not its content.
        OSError: The file cannot be read.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(_LARGEST_HEADERS)
    headers = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or not value.strip():
            raise InputError(f"{path}, line {number} is not of the form `Name: value`")
        headers[name.strip()] = value.strip()
    return headers


_OWN = {
    "endpoint": ("otlp",),
    "header_file": ("otlp",),
    "bill": ("focus",),
    "month": ("focus",),
    "account": ("focus",),
}


def _refuse_misfits(arguments: argparse.Namespace) -> None:
    for name, forms in _OWN.items():
        if getattr(arguments, name) is not None and arguments.form not in forms:
            raise InputError(f"--{name.replace('_', '-')} applies to {' and '.join(forms)} only")
    if arguments.endpoint is not None and arguments.output is not None:
        raise InputError("use either --endpoint or --output, not both")
    if arguments.header_file is not None and arguments.endpoint is None:
        raise InputError("--header-file needs --endpoint")


def _write(text: str, path: Path | None) -> None:
    if path is None:
        sys.stdout.write(text)
    else:
        # Prometheus's textfile collector may read it at any moment.
        replace_file(path, text.encode())
