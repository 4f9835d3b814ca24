"""Merge the snapshots of the processes of one service; pure, and independent of their order.

A process's figures are cumulative, so only the last snapshot of each process counts. Only the
newest recording counts: processes that are still in an older one will join it within a second. Of
its runs only the newest counts, with those that overlap with it (a rolling deployment, several
machines) or that it continues on purpose.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from costmon.meter.figures import Phase, Snapshot, merged_phases
from costmon.meter.recording_control import Control

Worker = tuple[str, int, str]
"""Host, pid and boot, which identify a process of a service for good."""


Run = tuple[str, str]
"""Host and run, which identify a start of a service."""


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


class _Span(NamedTuple):
    """The time of one run, from the start of its first process to the last news of any."""

    started_at: float
    ended_at: float
    run: Run
    continues: bool


def run_of(snapshot: Snapshot) -> Run:
    """Return the run that a snapshot belongs to; reporters without runs are one."""
    return (snapshot.host, snapshot.run) if snapshot.run else ("", "")


def current(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    """Return the snapshots of the newest run, and of the runs that are shown together with it."""
    every = list(snapshots)
    by_run: dict[Run, list[Snapshot]] = {}
    for snapshot in every:
        by_run.setdefault(run_of(snapshot), []).append(snapshot)
    if len(by_run) < 2:  # noqa: PLR2004 - one run
        return every
    spans = sorted((_span(run, them) for run, them in by_run.items()), reverse=True)
    newest, *older = spans
    began_at, continues = newest.started_at, newest.continues
    chosen = {newest.run}
    while True:
        joining = [
            span
            for place, span in enumerate(older)
            if span.ended_at >= began_at or (continues and place == 0)
        ]
        if not joining:
            return [it for it in every if run_of(it) in chosen]
        older = [span for span in older if span not in joining]
        chosen.update(span.run for span in joining)
        oldest = min(joining)
        if oldest.started_at <= began_at:
            began_at, continues = oldest.started_at, oldest.continues


def newest_run(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    """Return the snapshots of the run that began last.

    Raises:
        ValueError: There is no snapshot.
    """
    every = list(snapshots)
    newest = run_of(max(every, key=lambda it: (it.run_started_at or it.started_at, run_of(it))))
    return [it for it in every if run_of(it) == newest]


def _span(run: Run, snapshots: list[Snapshot]) -> _Span:
    first = min(snapshots, key=lambda it: it.started_at)
    return _Span(
        first.started_at,
        max(it.taken_at for it in snapshots),
        run,
        any(it.options.continue_recording for it in snapshots),
    )


def merged(snapshots: Iterable[Snapshot], recording: str | None = None) -> Snapshot:
    """Return the merged figures of all processes of one service.

    Args:
        snapshots: At least one, all of one service. The last one of each process counts.
        recording: The recording to merge; `None`, or an unknown one: the newest.

    Raises:
        ValueError: There is no snapshot.
    """
    last: dict[tuple[Worker, str, str], Snapshot] = {}
    for snapshot in snapshots:
        # The sums of ended processes have no process id, but a run.
        key = worker_of(snapshot), snapshot.recording, snapshot.run
        known = last.get(key)
        if known is None or known.seq < snapshot.seq:
            last[key] = snapshot
    names = {name for _, name, _ in last}
    if recording is None or recording not in names:
        recording = newest_recording(last.values())
    counted = current(it for it in last.values() if it.recording == recording)
    if len(counted) == 1:
        return counted[0]
    newest = max(counted, key=lambda it: (it.taken_at, worker_of(it)))
    alive = [it for it in counted if it.processes] or counted
    hosts = {it.host for it in counted}
    started_at = min(it.started_at for it in counted)
    runs = {run_of(it) for it in counted}
    # One run on each of several machines is what one expects.
    several = len(runs) > len({host for host, _ in runs})
    last_run = newest_run(counted)[0]
    since = [it.runs_since for it in counted if it.runs_since]
    return Snapshot(
        service=newest.service,
        host=hosts.pop() if len(hosts) == 1 else "",
        pid=0,
        boot="",
        seq=sum(it.seq for it in counted),
        recording=recording,
        is_recording=any(it.is_recording for it in alive),
        started_at=started_at,
        taken_at=newest.taken_at,
        processes=sum(it.processes for it in counted),
        threads=max(it.threads for it in counted),
        rss_bytes=max(it.rss_bytes for it in alive),
        faults=sum(it.faults for it in counted),
        options=newest.options,
        whole=_together(counted, [it.whole for it in counted]),
        settled=_together(counted, [it.settled for it in counted]),
        is_loop=any(it.is_loop for it in counted),
        run=last_run.run,
        run_started_at=last_run.run_started_at,
        runs_since=min([*since, *([started_at] if several else [])], default=0.0),
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


def by_label(snapshots: Iterable[Snapshot]) -> dict[str, Snapshot]:
    """Return deployments by a unique label, sorted: the service, with its place if necessary."""
    every = tuple(snapshots)
    names = Counter(it.service for it in every)
    labels = {it.deployment if names[it.service] > 1 else it.service: it for it in every}
    return dict(sorted(labels.items()))


def labelled(snapshots: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
    """Return deployments with unique names, sorted."""
    return tuple(it._replace(service=label) for label, it in by_label(snapshots).items())
