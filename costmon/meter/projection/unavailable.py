"""Say why there is no projection yet, and what to do."""

from costmon.meter.figures import Snapshot
from costmon.meter.projection.values import Unprojected


def unprojected(snapshot: Snapshot) -> Unprojected | None:
    """Return why a recording cannot be projected; `None` if it can."""
    if any(row.requests for row in snapshot.settled.routes):
        return None
    counted = sum(row.requests for row in snapshot.whole.routes)
    warmup = f"{snapshot.options.warmup_s:g} s"
    if counted:
        left_s = snapshot.options.warmup_s - (snapshot.taken_at - snapshot.started_at)
        requests = "1 request" if counted == 1 else f"{counted:,} requests"
        seen = f"{requests} arrived during the {warmup} warm-up, which projections leave out."
        if not snapshot.is_recording:
            then = "Recording is stopped: start it again and send requests for longer."
        elif left_s > 0:
            then = f"It ends in {left_s:.0f} s: keep sending requests."
        else:
            then = "It is over: send more requests."
        return Unprojected("warming_up", f"{seen} {then}")
    if not snapshot.is_recording:
        return Unprojected(
            "stopped", "Recording is stopped and empty: start it, then send requests."
        )
    text = "No request has completed yet: send some requests to the application."
    if snapshot.options.warmup_s:
        text += f" Requests in the first {warmup} (warm-up) are left out of projections."
    return Unprojected("no_data", text)
