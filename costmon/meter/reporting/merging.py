"""Merge the snapshots of the processes of one service; pure, and independent of their order.

A process's figures are cumulative, so only the last snapshot of each process counts. Only the
newest recording counts: processes that are still in an older one will join it within a second.
"""

from collections.abc import Iterable

from costmon.meter.figures import Phase, Snapshot, merged_phases
from costmon.meter.recording_control import Control

Worker = tuple[str, int, str]
"""Host, pid and boot, which identify a process of a service for good."""


def worker_of(snapshot: Snapshot) -> Worker:
    """Return the process that a snapshot belongs to."""
    return snapshot.host, snapshot.pid, snapshot.boot


def newest_recording(snapshots: Iterable[Snapshot]) -> str:
    """Return the recording that began last; named recordings are newer than unnamed ones.

    A process begins with an unnamed recording, and takes the name of the current one as soon as it
    reads it; so an unnamed recording is never the newest.

    Raises:
        ValueError: There is no snapshot.
    """
    return max((bool(it.recording), it.started_at, it.recording) for it in snapshots)[2]


def merged(snapshots: Iterable[Snapshot], recording: str | None = None) -> Snapshot:
    """Return the merged figures of all processes of one service.

    Args:
        snapshots: At least one, all of one service. The last one of each process counts.
        recording: The recording to merge; `None`, or an unknown one: the newest.

    Raises:
        ValueError: There is no snapshot.
    """
    last: dict[tuple[Worker, str], Snapshot] = {}
    for snapshot in snapshots:
        key = worker_of(snapshot), snapshot.recording
        known = last.get(key)
        if known is None or known.seq < snapshot.seq:
            last[key] = snapshot
    names = {name for _, name in last}
    if recording is None or recording not in names:
        recording = newest_recording(last.values())
    counted = [it for it in last.values() if it.recording == recording]
    if len(counted) == 1:
        return counted[0]
    newest = max(counted, key=lambda it: (it.taken_at, worker_of(it)))
    alive = [it for it in counted if it.processes] or counted
    hosts = {it.host for it in counted}
    return Snapshot(
        service=newest.service,
        host=hosts.pop() if len(hosts) == 1 else "",
        pid=0,
        boot="",
        seq=sum(it.seq for it in counted),
        recording=recording,
        is_recording=any(it.is_recording for it in alive),
        started_at=min(it.started_at for it in counted),
        taken_at=newest.taken_at,
        processes=sum(it.processes for it in counted),
        threads=max(it.threads for it in counted),
        rss_bytes=max(it.rss_bytes for it in alive),
        faults=sum(it.faults for it in counted),
        options=newest.options,
        whole=_together(counted, [it.whole for it in counted]),
        settled=_together(counted, [it.settled for it in counted]),
        is_loop=any(it.is_loop for it in counted),
    )


def presented(snapshots: Iterable[Snapshot], control: Control | None) -> Snapshot:
    """Return the figures of one service; empty if a reset was requested but not yet applied.

    Raises:
        ValueError: There is no snapshot.
    """
    together = merged(snapshots, None if control is None else control.recording)
    if (
        control is not None
        and control.recording != together.recording
        and control.issued_at > together.started_at
    ):
        return emptied(together, control)
    return together


def emptied(snapshot: Snapshot, control: Control) -> Snapshot:
    """Return the empty figures of a service whose reset has not been applied yet."""
    return snapshot._replace(
        recording=control.recording,
        is_recording=control.is_recording,
        started_at=control.issued_at,
        whole=Phase(),
        settled=Phase(),
    )


def _together(snapshots: list[Snapshot], phases: list[Phase]) -> Phase:
    """Merge phases; the result lasts from the first start to the last end.

    Both phases of a process end at the same time. Processes that ran one after the other last
    longer together than each alone; processes that ran in parallel do not.
    """
    ends = [it.started_at + it.whole.seconds for it in snapshots]
    spans = [
        (end - phase.seconds, end)
        for end, phase in zip(ends, phases, strict=True)
        if phase.seconds > 0
    ]
    seconds = max(end for _, end in spans) - min(start for start, _ in spans) if spans else 0.0
    return merged_phases(phases)._replace(seconds=seconds)
