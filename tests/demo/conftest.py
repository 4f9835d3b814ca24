"""A clock moved by hand, and a simulated account that it moves."""

import datetime as dt

import msgspec
import pytest
import requests

from costmon.demo import DemoServer

START = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)


class HandClock:
    def __init__(self):
        self.elapsed_s = 0.0

    def now(self):
        return START + dt.timedelta(seconds=self.elapsed_s)

    def monotonic_s(self):
        return 1000.0 + self.elapsed_s


class Reader:
    """A client of the vendor's API, as small as one can be."""

    def __init__(self, server):
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {server.token}"
        self._base_url = server.base_url

    def get(self, path, *, token=None, timeout=5, **query):
        headers = {} if token is None else {"Authorization": token}
        return self._session.get(
            self._base_url + path, params=query, headers=headers, timeout=timeout
        )

    def json(self, path, **query):
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content)

    def post(self, path):
        return self._session.post(self._base_url + path, data=b"{}", timeout=5)

    def close(self):
        self._session.close()


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def server(clock):
    server = DemoServer(clock, seed=7)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def vendor(server):
    reader = Reader(server)
    yield reader
    reader.close()


@pytest.fixture
def read_from():
    """Make a reader of another server; it is closed at the end."""
    readers = []

    def make(server):
        readers.append(Reader(server))
        return readers[-1]

    yield make
    for reader in readers:
        reader.close()
