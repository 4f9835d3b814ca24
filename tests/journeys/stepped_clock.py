"""`python -m costmon` with a wall clock that a test sets, by seconds in `$WALL_CLOCK_OFFSET`."""

import datetime as dt
import importlib
import os
import sys
from pathlib import Path

from costmon.cli import main
from costmon.clock import SystemClock


class SteppedClock(SystemClock):
    """The machine's clock, plus an offset."""

    def now(self) -> dt.datetime:
        """Return the wall clock as it was set."""
        text = Path(os.environ["WALL_CLOCK_OFFSET"]).read_text(encoding="ascii")
        return super().now() + dt.timedelta(seconds=float(text or "0"))


if __name__ == "__main__":
    running = importlib.import_module("costmon.bootstrap.run")
    running.SystemClock = SteppedClock  # type: ignore[attr-defined]  # what `run` makes
    sys.exit(main())
