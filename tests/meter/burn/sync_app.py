"""A Flask application of eight routes whose CPU is known."""

import time
from concurrent.futures import ThreadPoolExecutor

from flask import Flask, Response

from tests.meter.burn.truth import Truth

ROUTES = ("/cpu1", "/cpu2", "/cpu8", "/sleep", "/mixed", "/hash", "/pool", "/stream")


def built(truth: Truth, unit_ms: float) -> Flask:
    """Return the application; `unit_ms` of CPU is what its smallest route burns."""
    app = Flask("burn")
    _plain(app, truth, unit_ms)
    _odd(app, truth, unit_ms)
    return app


def _plain(app, truth, unit_ms):
    @app.get("/cpu1")
    def cpu1():
        truth.burn("/cpu1", unit_ms)
        return "cpu1"

    @app.get("/cpu2")
    def cpu2():
        truth.burn("/cpu2", 2 * unit_ms)
        return "cpu2"

    @app.get("/cpu8")
    def cpu8():
        truth.burn("/cpu8", 8 * unit_ms)
        return "cpu8"

    @app.get("/sleep")
    def sleep():
        time.sleep(0.05)
        return "sleep"


def _odd(app, truth, unit_ms):
    @app.get("/mixed")
    def mixed():
        truth.burn("/mixed", unit_ms)
        time.sleep(0.02)
        truth.burn("/mixed", unit_ms)
        return "mixed"

    @app.get("/hash")
    def digest():
        truth.digest("/hash", 2 * unit_ms)
        return "hash"

    @app.get("/pool")
    def pool():
        with ThreadPoolExecutor(2) as workers:
            for _ in range(2):
                workers.submit(truth.burn, "/pool", unit_ms)
        return "pool"

    @app.get("/stream")
    def stream():
        def chunks():
            for _ in range(4):
                truth.burn("/stream", unit_ms / 2)
                yield "chunk"

        return Response(chunks())
