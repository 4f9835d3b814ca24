"""The dashboard where there are too few ports, threads, descriptors or hands."""

import http.client
import socket
import threading

import pytest

from costmon.meter.dashboard import listener as listening
from costmon.meter.dashboard import server as serving
from costmon.meter.dashboard.listener import Listener
from tests.meter.dashboard.conftest import ask, port_of
from tests.meter.dashboard.samples import projected

CLIENT = "costmon.meter.dashboard.client"


def test_without_a_free_port_it_says_so_once_and_serves_when_there_is_one(
    dashboard, caplog, monkeypatch
):
    monkeypatch.setattr(serving, "_MOST_PORTS", 1)
    other = dashboard(service="another")
    port = port_of(other)
    ours = dashboard(port=port, is_started=False, retry_s=0.02)

    ours.start()
    warned = threading.Event()
    for _ in range(500):
        if "found no free port" in caplog.text:
            break
        warned.wait(0.01)
    other.stop()

    assert ours.wait("serving", 5)
    assert caplog.text.count("found no free port") == 1
    assert caplog.text.count("is in use by another program") == 1


def test_where_no_thread_can_be_started_the_client_is_dropped_and_the_next_is_served(
    dashboard, monkeypatch
):
    port = port_of(dashboard())
    start = threading.Thread.start
    refused: list[threading.Thread] = []

    def refuse_once(thread):
        if thread.name == CLIENT and not refused:
            refused.append(thread)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_once)

    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask(port, "/")
    assert ask(port, "/").status == 200


def test_when_all_hands_are_answering_one_more_is_turned_away(dashboard, monkeypatch):
    monkeypatch.setattr(listening, "MOST_CLIENTS", 1)
    working, go_on = threading.Event(), threading.Event()

    def project(_seen):
        working.set()
        assert go_on.wait(10)
        return projected(1)

    port = port_of(dashboard(project=project))
    answers = []
    first = threading.Thread(target=lambda: answers.append(ask(port).status))
    first.start()
    assert working.wait(10)

    try:
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            ask(port, "/")
    finally:
        go_on.set()
        first.join()

    assert answers == [200]


def test_a_moment_without_descriptors_ends_nothing():
    served = threading.Event()

    def serve(client, _complete):
        client.sendall(b"served")
        served.set()

    one = Listener(0, serve)
    real = one._socket
    one._socket = Starved(real)  # type: ignore[assignment]  # as much of a socket as is used
    running = threading.Thread(target=one.run)
    running.start()
    with socket.create_connection(("127.0.0.1", one.port), timeout=5) as client:
        assert client.recv(10) == b"served"
    one.stop()
    running.join(5)

    assert not running.is_alive()
    assert real.fileno() == -1


class Starved:
    """A listening socket that fails to accept twice."""

    def __init__(self, real):
        self.real = real
        self.failures = [OSError(24, "Too many open files"), TimeoutError()]

    def accept(self):
        if self.failures:
            raise self.failures.pop()
        return self.real.accept()

    def close(self):
        self.real.close()


def test_a_fault_of_ours_ends_the_thread_and_is_logged(dashboard, caplog, monkeypatch):
    ours = dashboard(is_started=False)
    monkeypatch.setattr(ours, "_taken", lambda: 1 / 0)

    ours.start()
    ours.stop()

    assert ours.state == "off"
    assert "the meter's dashboard stopped unexpectedly" in caplog.text


def test_a_port_that_may_not_be_had_is_passed_over_and_said(dashboard, caplog, monkeypatch):
    real = Listener

    def forbidden(port, serve):
        if port == 80:
            raise PermissionError(13, "Permission denied")
        return real(0, serve)

    monkeypatch.setattr(serving, "Listener", forbidden)

    ours = dashboard(port=80)

    assert ours.url is not None
    assert "cannot listen on port 80: Permission denied" in caplog.text
