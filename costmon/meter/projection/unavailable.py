"""Why there is nothing to project yet, and what to do."""

from costmon.meter.figures import Snapshot
from costmon.meter.projection.values import Unprojected


def unprojected(snapshot: Snapshot) -> Unprojected | None:
    """Return why a recording cannot be projected; `None` when it can."""
    if any(row.requests for row in snapshot.settled.routes):
        return None
    counted = sum(row.requests for row in snapshot.whole.routes)
    warmup = f"{snapshot.options.warmup_s:g} s"
    if counted:
        left_s = snapshot.options.warmup_s - (snapshot.taken_at - snapshot.started_at)
        requests = "1 request" if counted == 1 else f"{counted:,} requests"
        seen = f"{requests} came during the warm-up of {warmup}, which projections leave out."
        if not snapshot.is_recording:
            then = "Recording is off: start it again, and keep the load on for longer."
        elif left_s > 0:
            then = f"It is over in {left_s:.0f} s: keep sending requests."
        else:
            then = "It is over: send more requests."
        return Unprojected("warming_up", f"{seen} {then}")
    if not snapshot.is_recording:
        return Unprojected(
            "stopped", "Recording is off, and nothing was recorded: start it, then send requests."
        )
    text = "No request has ended yet: send some to the application."
    if snapshot.options.warmup_s:
        text += f" Those of the first {warmup} are left out of projections."
    return Unprojected("no_data", text)
