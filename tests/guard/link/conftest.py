"""A service on loopback, and links that are closed."""

import contextlib

import pytest

from costmon.guard.link.link import Link
from costmon.testing import FakeClock
from tests.guard.link.service import Service, running
from tests.guard.link.source import NOW, SOON, FakeSource


@pytest.fixture
def service():
    return Service()


@pytest.fixture(params=["http", "unix"])
def address(request, service, tmp_path_factory):
    where = "127.0.0.1"
    if request.param == "unix":
        where = str(tmp_path_factory.mktemp("s") / "report.sock")
    with running(service, where) as url:
        yield url


@pytest.fixture
def source():
    return FakeSource()


@pytest.fixture
def linked():
    """Return a maker of links; each is closed at the end of the test."""
    with contextlib.ExitStack() as stack:

        def make(source, url, pace=SOON, **settings):
            link = Link(source, url, clock=FakeClock(NOW), pace=pace, **settings)
            stack.callback(link.close, 2.0)
            return link

        yield make
