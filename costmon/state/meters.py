"""What metered workers have reported, by service: values and their fold, pure.

A worker's rows are cumulative, so the last one of each key counts, and hearing something twice
changes nothing. Workers that have ended are added to one sum for their service; who they were is
remembered, so that nobody is in the sum and beside it.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from costmon.meter.figures import MOST_ROUTES, Phase, RouteStats, Snapshot
from costmon.meter.recording_control import Control
from costmon.meter.reporting.merging import (
    Worker,
    by_label,
    labelled,
    merged,
    presented,
    run_of,
    worker_of,
)

ALIVE_S = 20.0
"""A worker reports every five seconds; after so many seconds of silence it counts as ended."""

SILENT_S = 3_600.0
"""After so many seconds of silence a worker is added to the sum; later reports are ignored."""

CROWDED_SILENT_S = 60.0
"""The same if there is no room for another worker."""

RECORDING_GAP_S = 600.0
"""After so long without a worker a recording is over, if workers do not say which run is theirs."""

MOST_SERVICES = 100
MOST_WORKERS = 500
"""Of one service, kept apart."""

MOST_ROWS = 20 * MOST_ROUTES
"""Of one phase of one worker."""

MOST_ALL_ROWS = 200_000
"""Of all; beyond it no worker is added."""

MOST_ENDED = 5_000


class WorkerSeen(NamedTuple):
    """One worker.

    Attributes:
        part: The number of its last report.
        seen_s: When that came, by the clock that never goes back and stands while we sleep.
        is_ended: Whether it has sent its last report.
        snapshot: All that it has said of its present recording.
    """

    part: int
    seen_s: float
    is_ended: bool
    snapshot: Snapshot


class ServiceSeen(NamedTuple):
    """One application.

    Attributes:
        workers: Those that are kept apart.
        past: The sum of the others; `None`: no others.
        ended: Who is in it, the latest last.
        control: What is wanted of the recording; `None`: nothing in particular.
        heard_s: When any of them last reported.
    """

    workers: Mapping[Worker, WorkerSeen]
    past: Snapshot | None
    ended: tuple[Worker, ...]
    control: Control | None
    heard_s: float


class Meters(NamedTuple):
    """All that is metered.

    Attributes:
        epoch: Names this run of the service: workers send another one everything again.
        is_loaded: Whether what was known before this run is in it.
        services: By deployment.
        refused: Reports of workers or services beyond the maximum.
    """

    epoch: str
    is_loaded: bool
    services: Mapping[str, ServiceSeen]
    refused: int


class Known(NamedTuple):
    """What a worker is told.

    Attributes:
        part: The last of its reports that was received; `None`: none yet.
        is_gone: Whether it counts as ended for good.
        control: What is wanted of the recording.
    """

    part: int | None
    is_gone: bool
    control: Control | None


def first(epoch: str) -> Meters:
    """Return the empty value at the start of a run."""
    return Meters(epoch, is_loaded=False, services={}, refused=0)


def known(meters: Meters, report: Snapshot) -> Known:
    """Return what is known of the worker that reports."""
    service = meters.services.get(report.deployment)
    if service is None:
        return Known(None, is_gone=False, control=None)
    worker = service.workers.get(worker_of(report))
    is_gone = worker is None and worker_of(report) in service.ended
    # A control may be of an earlier run. A worker that joins is told with its second report.
    is_of_run = not report.run or any(run_of(it) == run_of(report) for it in _kept(service))
    control = service.control if is_of_run else None
    return Known(None if worker is None else worker.part, is_gone, control)


def has_room(meters: Meters, report: Snapshot, now_s: float) -> bool:
    """Tell whether the reporting worker is known, or can be added."""
    service = meters.services.get(report.deployment)
    if service is not None and worker_of(report) in service.workers:
        return True
    if sum(_rows(it) for seen in meters.services.values() for it in _kept(seen)) >= MOST_ALL_ROWS:
        return False
    if service is None:
        return len(meters.services) < MOST_SERVICES
    return len(_with_room(service, report, now_s).workers) < MOST_WORKERS


def reported(meters: Meters, part: int, report: Snapshot, now_s: float, *, final: bool) -> Meters:
    """Return what is known after a worker has said something.

    Args:
        meters: What was known.
        part: The number of the report; one that is not new changes nothing.
        report: What the worker has measured, with the rows that have changed.
        now_s: By the clock that never goes back.
        final: Whether it is the worker's last report.
    """
    name, worker = report.deployment, worker_of(report)
    service = meters.services.get(name)
    before = None if service is None else service.workers.get(worker)
    if before is not None and part <= before.part:
        return meters
    if service is not None and before is None:
        if worker in service.ended:
            return meters
        service = _with_room(service, report, now_s)
    if not has_room(meters, report, now_s):
        return meters._replace(refused=meters.refused + 1)
    if service is None:
        service = ServiceSeen({}, None, (), None, now_s)
    seen = WorkerSeen(part, now_s, final, _added(before, report))
    workers = {**service.workers, worker: seen}
    return _with(meters, name, service._replace(workers=workers, heard_s=now_s))


def ordered(meters: Meters, name: str, control: Control) -> Meters:
    """Return what is known after somebody has said what is wanted of a service's recording."""
    chosen = by_label(_together(it, 0.0) for it in meters.services.values()).get(name)
    if chosen is None:
        return meters
    name = chosen.deployment
    service = meters.services[name]
    if service.control is not None and service.control.issued_at >= control.issued_at:
        return meters
    return _with(meters, name, service._replace(control=control))


def swept(meters: Meters, now_s: float) -> Meters:
    """Return the same with those in the sums who have ended, or were silent for too long."""
    for name, service in meters.services.items():
        folded = _folded(service, now_s - SILENT_S)
        if folded is not service:
            meters = _with(meters, name, folded)
    return meters


def services(meters: Meters, now_s: float) -> tuple[Snapshot, ...]:
    """Return how each service stands, all its workers together, by name."""
    return labelled(_together(service, now_s) for service in meters.services.values())


def _together(service: ServiceSeen, now_s: float) -> Snapshot:
    return presented(_snapshots(service, now_s), service.control)


def _kept(service: ServiceSeen) -> Iterable[Snapshot]:
    yield from (worker.snapshot for worker in service.workers.values())
    if service.past is not None:
        yield service.past


def _rows(snapshot: Snapshot) -> int:
    return len(snapshot.whole.routes) + len(snapshot.settled.routes)


def _snapshots(service: ServiceSeen, now_s: float) -> Iterable[Snapshot]:
    for worker in service.workers.values():
        is_alive = not worker.is_ended and now_s - worker.seen_s < ALIVE_S
        yield worker.snapshot._replace(processes=int(is_alive))
    if service.past is not None:
        yield service.past


def _with_room(service: ServiceSeen, report: Snapshot, now_s: float) -> ServiceSeen:
    """Return a service that a new worker may join; the first one of a new run replaces it."""
    if _begins(service, report, now_s):
        gone = (*service.ended, *service.workers)[-MOST_ENDED:]
        return ServiceSeen({}, None, gone, None, now_s)
    if len(service.workers) < MOST_WORKERS:
        return service
    return _folded(service, now_s - CROWDED_SILENT_S)


def _begins(service: ServiceSeen, report: Snapshot, now_s: float) -> bool:
    """Return whether the report of an unknown worker begins a new recording."""
    if not report.run:
        return service.heard_s < now_s - RECORDING_GAP_S
    control = service.control
    return not (
        report.options.continue_recording
        or any(run_of(it) == run_of(report) for it in _kept(service))
        or any(it.processes for it in _snapshots(service, now_s))
        or (control is not None and control.issued_at >= report.run_started_at)
    )


def _folded(service: ServiceSeen, silent_since_s: float) -> ServiceSeen:
    gone = {
        name: worker.snapshot._replace(processes=0)
        for name, worker in service.workers.items()
        if worker.is_ended or worker.seen_s < silent_since_s
    }
    if not gone:
        return service
    past = merged([*([] if service.past is None else [service.past]), *gone.values()])
    return service._replace(
        workers={name: it for name, it in service.workers.items() if name not in gone},
        past=past._replace(pid=0, boot="", processes=0),
        ended=(*service.ended, *gone)[-MOST_ENDED:],
    )


def _added(before: WorkerSeen | None, report: Snapshot) -> Snapshot:
    """Return a report with the rows that were told before and not again."""
    known_rows = None if before is None else before.snapshot
    if known_rows is None or _recording(known_rows) != _recording(report):
        return report
    return report._replace(
        whole=_phase(known_rows.whole, report.whole),
        settled=_phase(known_rows.settled, report.settled),
    )


def _phase(before: Phase, after: Phase) -> Phase:
    if not after.routes:
        return after._replace(routes=before.routes)
    rows: dict[tuple[object, ...], RouteStats] = {row.key: row for row in before.routes}
    for row in after.routes:
        if row.key in rows or len(rows) < MOST_ROWS:
            rows[row.key] = row
    return after._replace(routes=tuple(rows.values()))


def _recording(snapshot: Snapshot) -> tuple[str, float]:
    return snapshot.recording, snapshot.started_at


def _with(meters: Meters, name: str, service: ServiceSeen) -> Meters:
    return meters._replace(services={**meters.services, name: service})
