"""Measure what each endpoint of a web application costs, from its actual CPU time.

```python
from costmon.meter.flask import CostMeter  # also: costmon.meter.asgi, .django, .wsgi

CostMeter(app, provider="AWS", target_users=1000)
```

The dashboard is then at http://localhost:7777. `costmon.meter.snapshot()` returns the figures of
this process.
"""

from typing import TYPE_CHECKING

from costmon.errors import InputError

if TYPE_CHECKING:
    from costmon.meter.figures import Phase, RouteStats, Snapshot
    from costmon.meter.options import Options

# Imported on first use, to keep `import costmon.meter` fast.
_LATER = {
    "Options": "costmon.meter.options",
    "Phase": "costmon.meter.figures",
    "RouteStats": "costmon.meter.figures",
    "Snapshot": "costmon.meter.figures",
}


def snapshot(service: str | None = None) -> "Snapshot":
    """Return the figures of this process since its recording began.

    Args:
        service: The service; `None`: the one that was configured first in this process.

    Raises:
        InputError: The service is not measured in this process; the text lists those that are.
    """
    from costmon.meter.process import METER, METERS

    if service is None:
        return METER.snapshot()
    found = {it.service: it for it in (meter.snapshot() for meter in METERS.every())}
    if service not in found:
        known = ", ".join(sorted(found))
        raise InputError(f"service {service!r} is not measured in this process; measured: {known}")
    return found[service]


def set_route(template: str) -> None:
    """Name the route of the current request, instead of the route of its framework.

    For frameworks that are not known to the meter, and for requests whose cost depends on more than
    their path, such as GraphQL operations. Call it from the code that handles the request, in any
    thread or task of it; outside of a measured request it does nothing. The first 500 names are
    reported separately, all others as `(other)`: never pass text of clients that has not been
    checked against a list.

    Args:
        template: The route, such as `/reports/{kind}` or `/graphql GetUser`.
    """
    from costmon.meter.measuring.measure import CURRENT
    from costmon.meter.reporting.text import ROUTE_CHARACTERS, readable

    measure = CURRENT.get()
    if measure is not None and not measure.ended_ns:
        measure.named_route = readable(template, ROUTE_CHARACTERS) or None


def reset() -> None:
    """Reset the figures of this process and begin a new recording, with a warm-up."""
    from costmon.meter.process import METERS

    for meter in METERS.every():
        meter.reset()


def stop() -> None:
    """Stop the dashboard, the reports and the thread hooks until the next request.

    For programs that shut down cleanly, and for tests.
    """
    from costmon.meter.process import METERS

    METERS.stop()


def __getattr__(name: str) -> object:
    if name not in _LATER:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)


__all__ = [
    "InputError",
    "Options",
    "Phase",
    "RouteStats",
    "Snapshot",
    "reset",
    "set_route",
    "snapshot",
    "stop",
]
