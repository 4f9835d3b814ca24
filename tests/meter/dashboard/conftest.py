"""Dashboards over values that a test may replace, stopped at its end."""

import http.client
import json

import pytest

from costmon.meter.dashboard.server import Dashboard
from costmon.meter.recording_control import Control
from tests.meter.dashboard.samples import measured, projected


class Figures:
    """What a dashboard reads and tells: a `Source` that a test holds in its hand."""

    def __init__(self, *services):
        self.shown = services
        self.told: list[tuple[str, Control]] = []
        self.asked = 0
        self.error: Exception | None = None

    def services(self):
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.shown

    def order(self, service, control):
        if self.error is not None:
            raise self.error
        self.told.append((service, control))
        self.shown = tuple(
            it._replace(recording=control.recording, is_recording=control.is_recording)
            if it.service == service
            else it
            for it in self.shown
        )


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


def ask(port, path="/api/v1/meter", method="GET", body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        return Reply(connection.getresponse())
    finally:
        connection.close()


def port_of(dashboard):
    return int(dashboard.url.rpartition(":")[2])


@pytest.fixture
def figures():
    return Figures(measured(3))


@pytest.fixture
def dashboard(figures):
    """Return a maker of dashboards; each is stopped at the end."""
    made = []

    def make(source=figures, *, is_started=True, **facts):
        values = {"service": "shop", "port": 0, "project": lambda _: projected(3), "retry_s": 0.05}
        one = Dashboard(source, **{**values, **facts})
        made.append(one)
        if is_started:
            one.start()
            assert one.wait("serving", 5)
        return one

    yield make
    for one in made:
        one.stop()
