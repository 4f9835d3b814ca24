"""Burn in one process and print what was measured: `python -m tests.meter.burn.program --help`.

A process of its own, because what the meter hooks is the whole process's, and so is its CPU.
"""

import argparse
import asyncio
import importlib
import json
import resource
import sys
from collections import Counter
from typing import Any

from tests.meter.burn import drive
from tests.meter.burn.truth import Truth


def process_cpu_ns() -> int:
    """Return the CPU that this process has used, as the operating system tells it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return round((used.ru_utime + used.ru_stime) * 1e9)


class Rival:
    """cloudmeter in the same requests; its dashboard is left out, as its own tests do."""

    def __init__(self) -> None:
        self._reporter = importlib.import_module("cloudmeter._reporter")
        dashboard = importlib.import_module("cloudmeter._dashboard_server")
        dashboard.__dict__["start"] = lambda _options: None

    def meter_flask(self, app: Any) -> None:
        """Hook it into a Flask application."""
        importlib.import_module("cloudmeter.flask").CloudMeterFlask(app)

    def meter_fastapi(self, app: Any) -> None:
        """Hook it into a FastAPI application."""
        app.add_middleware(importlib.import_module("cloudmeter.fastapi").CloudMeterMiddleware)

    def begin(self) -> None:
        """Forget what it has."""
        self._reporter.start_recording()

    def measured(self) -> dict[str, int]:
        """Return the CPU that it would charge each route, in ns."""
        charged: Counter[str] = Counter()
        for record in self._reporter.get_metrics():
            charged[record["route"].partition(" ")[2]] += record["duration_ms"] * 1_000_000
        return charged


def ours() -> dict[str, int]:
    """Return the CPU that our meter has charged each route, in ns, late work included."""
    import costmon.meter

    charged: Counter[str] = Counter()
    for row in costmon.meter.snapshot().routes:
        charged[row.route] += row.cpu_estimate_ns
    return charged


class Burn:
    """One application with the meter on it and, when asked for, cloudmeter beside it."""

    def __init__(self, kind: str, unit_ms: float, *, rival: bool, base: bool) -> None:
        import costmon.meter

        self._routes: tuple[str, ...] = ()
        self._reset, self._stop = costmon.meter.reset, costmon.meter.stop
        self.truth = Truth()
        self._rival = Rival() if rival else None
        self._kind = kind
        if kind == "wsgi":
            from costmon.meter.flask import CostMeter
            from tests.meter.burn import sync_app

            self._routes = sync_app.ROUTES
            flask = sync_app.built(self.truth, unit_ms)
            CostMeter(flask, port=None)
            if self._rival:
                self._rival.meter_flask(flask)
            self.app: Any = flask
        else:
            from costmon.meter.asgi import CostMeterMiddleware
            from tests.meter.burn import async_app

            self._routes = async_app.ROUTES
            fastapi = async_app.built(self.truth, unit_ms)
            if base:
                _under_base_http(fastapi)
            if self._rival:
                self._rival.meter_fastapi(fastapi)
            fastapi.add_middleware(CostMeterMiddleware, port=None)
            self.app = fastapi
        self._began_ns = 0

    def begin(self) -> None:
        """Forget what came before: imports, first requests, caches."""
        # Its first report imports what later ones have at hand; the next request starts it again.
        self._stop()
        self._reset()
        if self._rival:
            self._rival.begin()
        self.truth.clear()
        self._began_ns = process_cpu_ns()

    def result(self) -> dict[str, Any]:
        """Return all that is needed to judge."""
        used_ns = process_cpu_ns() - self._began_ns
        return {
            "process_cpu_ns": used_ns,
            "truth": dict(self.truth.cpu_ns),
            "asked": dict(self.truth.asked_ns),
            "ours": dict(ours()),
            "cloudmeter": dict(self._rival.measured()) if self._rival else None,
        }

    def run(self, each: int, at_once: int, *, uvloop: bool) -> dict[str, Any]:
        """Ask for every route `each` times, `at_once` at a time."""
        if self._kind == "wsgi":
            drive.wsgi(self.app, drive.paths(self._routes, 1), 1)
            self.begin()
            drive.wsgi(self.app, drive.paths(self._routes, each), at_once)
            return self.result()
        loops = importlib.import_module("uvloop" if uvloop else "asyncio")
        with asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
            return runner.run(self._asked(each, at_once))

    async def _asked(self, each, at_once):
        await drive.asgi(self.app, drive.paths(self._routes, 1), 1)
        self.begin()
        await drive.asgi(self.app, drive.paths(self._routes, each), at_once)
        return self.result()


def _under_base_http(app):
    async def dispatch(request, call_next):
        return await call_next(request)

    from starlette.middleware.base import BaseHTTPMiddleware

    app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)


def main() -> None:
    """Run once for each number of `--at-once`, and print one line of JSON for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.meter.burn.program", description=__doc__)
    parser.add_argument("kind", choices=("wsgi", "asgi"))
    parser.add_argument("--at-once", type=int, nargs="+", default=[1])
    parser.add_argument("--each", type=int, default=10, help="requests of each route")
    parser.add_argument("--unit-ms", type=float, default=3.0, help="CPU of the smallest route")
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("--base-http", action="store_true", help="all under BaseHTTPMiddleware")
    parser.add_argument("--rival", action="store_true", help="cloudmeter in the same requests")
    told = parser.parse_args()
    burn = Burn(told.kind, told.unit_ms, rival=told.rival, base=told.base_http)
    for at_once in told.at_once:
        json.dump(burn.run(told.each, at_once, uvloop=told.uvloop), sys.stdout)
        print(flush=True)

    import costmon.meter

    costmon.meter.stop()


if __name__ == "__main__":
    main()
