"""What each endpoint of a web application costs, from real CPU time.

```python
from costmon.meter.flask import CostMeter  # also: costmon.meter.asgi, .django, .wsgi

CostMeter(app, provider="AWS", target_users=1000)
```

The dashboard is at http://localhost:7777 then. What the process has measured so far is
`costmon.meter.snapshot()`.
"""

from typing import TYPE_CHECKING

from costmon.errors import InputError

if TYPE_CHECKING:
    from costmon.meter.figures import Phase, RouteStats, Snapshot
    from costmon.meter.options import Options

# Imported when first asked for: `import costmon.meter` shall cost nothing.
_LATER = {
    "Options": "costmon.meter.options",
    "Phase": "costmon.meter.figures",
    "RouteStats": "costmon.meter.figures",
    "Snapshot": "costmon.meter.figures",
}


def snapshot() -> "Snapshot":
    """Return what this process has measured since its recording began."""
    from costmon.meter.process import METER

    return METER.snapshot()


def reset() -> None:
    """Begin a new recording in this process: nothing has been counted, and it warms up."""
    from costmon.meter.process import METER

    METER.reset()


def stop() -> None:
    """Serve no dashboard, hand nothing over and follow no threads, until the next request.

    For programs that end in good order, and for tests.
    """
    from costmon.meter.process import METER

    METER.stop()


def __getattr__(name: str) -> object:
    if name not in _LATER:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)


__all__ = ["InputError", "Options", "Phase", "RouteStats", "Snapshot", "reset", "snapshot", "stop"]
