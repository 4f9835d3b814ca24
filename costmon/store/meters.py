"""Keep what metered workers have reported in one file, over a restart of the service.

A crash loses the last seconds, and living workers send these again.
"""

import contextlib
from pathlib import Path

import msgspec
import structlog

from costmon.atomic_file import replace_file
from costmon.errors import InputError
from costmon.meter.figures import Snapshot
from costmon.meter.reporting.json_reader import Reading
from costmon.meter.reporting.merging import Worker, worker_of
from costmon.meter.reporting.wire import control_of, document_of, snapshot_of
from costmon.state.meters import (
    MOST_ENDED,
    MOST_SERVICES,
    MOST_WORKERS,
    Meters,
    ServiceSeen,
    WorkerSeen,
)

_VERSION = 1
_encode = msgspec.json.Encoder().encode
_log = structlog.get_logger()


class MeterFile:
    """The file; for one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, meters: Meters) -> None:
        """Replace the file.

        Raises:
            OSError: It cannot be written; the version before is still there.
        """
        # One name, so that a kill leaves one file at the most.
        replace_file(
            self._path,
            _encode(_document(meters)),
            mode=0o600,
            temporary=self._path.with_suffix(".tmp"),
        )

    def load(self, meters: Meters, now_s: float) -> Meters:
        """Return what was kept, in this run of the service; a file that is damaged is set aside.

        Args:
            meters: Of this run, empty.
            now_s: By the monotonic clock; workers get time from then on to report again.
        """
        try:
            services = _services(Reading.parsed(self._path.read_bytes()), now_s)
        except FileNotFoundError:
            services = {}
        except InputError as error:
            aside = self._path.with_suffix(".bad")
            _log.error("store.meters_damaged", error=str(error), moved_to=str(aside))
            with contextlib.suppress(OSError):
                self._path.replace(aside)
            services = {}
        except OSError as error:
            _log.error("store.meters_unreadable", error=str(error))
            services = {}
        return meters._replace(is_loaded=True, services=services)


def _document(meters: Meters) -> dict[str, object]:
    return {
        "v": _VERSION,
        "services": [_service_document(name, it) for name, it in meters.services.items()],
    }


def _service_document(name: str, service: ServiceSeen) -> dict[str, object]:
    return {
        "name": name,
        "control": None if service.control is None else service.control._asdict(),
        "past": None if service.past is None else document_of(service.past),
        "ended": service.ended,
        "workers": [
            {"part": it.part, "is_ended": it.is_ended, "snapshot": document_of(it.snapshot)}
            for it in service.workers.values()
        ],
    }


def _services(reading: Reading, now_s: float) -> dict[str, ServiceSeen]:
    reading.member("v").exactly(_VERSION)
    return {
        entry.member("name").text(): _service(entry, now_s)
        for entry in reading.member("services").entries(MOST_SERVICES)
    }


def _service(reading: Reading, now_s: float) -> ServiceSeen:
    past, control = reading.optional("past"), reading.optional("control")
    workers = [
        WorkerSeen(
            part=entry.member("part").count(),
            seen_s=now_s,
            is_ended=entry.member("is_ended").claim(),
            snapshot=snapshot_of(entry.member("snapshot")),
        )
        for entry in reading.member("workers").entries(MOST_WORKERS)
    ]
    return ServiceSeen(
        workers={worker_of(it.snapshot): it for it in workers},
        past=None if past is None else _of_nobody(snapshot_of(past)),
        ended=tuple(_worker(entry) for entry in reading.member("ended").entries(MOST_ENDED)),
        control=None if control is None else control_of(control),
        heard_s=now_s,
    )


def _of_nobody(past: Snapshot) -> Snapshot:
    return past._replace(pid=0, boot="", processes=0)


def _worker(reading: Reading) -> Worker:
    host, pid, boot = reading.entries(3)
    return host.text(), pid.count(), boot.text()
