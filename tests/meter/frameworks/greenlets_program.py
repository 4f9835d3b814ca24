"""Runs by itself: a metered Flask application under gevent, asked by 25 clients at once.

Prints as JSON what was measured by route, in ms a request.
"""

from gevent import monkey

monkey.patch_all()

import json
import sys
import time
from typing import Any

import gevent
from flask import Flask
from gevent.pywsgi import WSGIServer
from gevent.socket import create_connection

import costmon.meter
from costmon.meter.flask import CostMeter

MS = 1_000_000
REQUESTS = 5
thread_time_ns = time.thread_time_ns


def burn(cpu_ns: int) -> None:
    until_ns = thread_time_ns() + cpu_ns
    while thread_time_ns() < until_ns:
        pass


app = Flask("greenlets")


@app.get("/burns")
def burns() -> str:
    for _ in range(5):
        burn(1 * MS)
        gevent.sleep(0.001)
    return "x"


@app.get("/sleeps")
def sleeps() -> str:
    gevent.sleep(0.1)
    return "x"


@app.get("/spawns")
def spawns() -> str:
    gevent.joinall([gevent.spawn(burn, 3 * MS), gevent.spawn(burn, 3 * MS)])
    return "x"


@app.get("/pools")
def pools() -> str:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(burn, [3 * MS, 3 * MS]))
    return "x"


@app.get("/streams")
def streams() -> Any:
    def chunks():
        for _ in range(3):
            burn(2 * MS)
            gevent.sleep(0.001)
            yield "x"

    return app.response_class(chunks())


CostMeter(app, port=None, warmup_s=0)


def ask(port: int, path: str) -> None:
    with create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        while connection.recv(65536):
            pass


def main() -> None:
    server = WSGIServer(("127.0.0.1", 0), app, log=None)
    server.start()
    paths = ["/burns", "/sleeps", "/spawns", "/pools", "/streams"]
    for path in paths:  # the first request of each pays for what is made once
        ask(server.server_port, path)
    costmon.meter.reset()
    paths *= REQUESTS
    clients = [gevent.spawn(ask, server.server_port, path) for path in paths]
    gevent.joinall(clients, raise_error=True)
    server.stop()
    snapshot = costmon.meter.snapshot()
    costmon.meter.stop()
    assert thread_time_ns is time.thread_time_ns
    json.dump(
        {
            "routes": {
                row.route: {
                    "requests": row.requests,
                    "cpu_ms": row.cpu_ns / row.requests / MS,
                    "late_ms": row.late_cpu_ns / row.requests / MS,
                    "wall_ms": row.wall_ns / row.requests / MS,
                }
                for row in snapshot.routes
            },
            "faults": snapshot.faults,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
