"""Put together what many processes of one service have measured: pure, and in any order the same.

A process's figures are cumulative, so the last snapshot of each process counts and the others do
not. Only the newest recording counts: who has not heard of it yet will begin it within a second.
"""

from collections.abc import Iterable

from costmon.meter.figures import Phase, Snapshot, merged_phases
from costmon.meter.recording_control import Control

Worker = tuple[str, int, str]
"""Host, pid and boot: what tells processes of a service apart for ever."""


def worker_of(snapshot: Snapshot) -> Worker:
    """Return which process a snapshot is of."""
    return snapshot.host, snapshot.pid, snapshot.boot


def newest_recording(snapshots: Iterable[Snapshot]) -> str:
    """Return the recording that began last; one that was ordered is newer than one that was not.

    A process begins with a recording without a name, and takes the name of the present one as
    soon as it hears of it; so what has no name is never news.

    Raises:
        ValueError: There is no snapshot.
    """
    return max((bool(it.recording), it.started_at, it.recording) for it in snapshots)[2]


def merged(snapshots: Iterable[Snapshot], recording: str | None = None) -> Snapshot:
    """Return what all processes of one service have measured together.

    Args:
        snapshots: Of one service; at least one. Of each process the last one counts.
        recording: Which recording is meant; `None`, or one that nobody has: the newest.

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
    """Return how one service stands: empty, when it was told to begin anew and has not done so.

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
    """Return how a service stands that has been told to begin anew and has not done so yet."""
    return snapshot._replace(
        recording=control.recording,
        is_recording=control.is_recording,
        started_at=control.issued_at,
        whole=Phase(),
        settled=Phase(),
    )


def _together(snapshots: list[Snapshot], phases: list[Phase]) -> Phase:
    """Merge phases; they are as long as from the first one's begin to the last one's end.

    Both phases of a process end together. Processes that came one after the other have a longer
    time together than each has, and processes side by side have not.
    """
    ends = [it.started_at + it.whole.seconds for it in snapshots]
    spans = [
        (end - phase.seconds, end)
        for end, phase in zip(ends, phases, strict=True)
        if phase.seconds > 0
    ]
    seconds = max(end for _, end in spans) - min(start for start, _ in spans) if spans else 0.0
    return merged_phases(phases)._replace(seconds=seconds)
