"""A real server that misbehaves as told, and leaves nothing behind."""

import http.client
import json
import threading
from urllib.parse import urlsplit

import pytest

from costmon.testing import Reply, StubServer


def connect(server):
    parts = urlsplit(server.url)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)


def get(connection, path):
    connection.request("GET", path, headers={"X-Own": "1"})
    response = connection.getresponse()
    return response.status, response.read()


def test_replies_come_in_turn_and_the_last_one_stays():
    with StubServer() as server:
        server.answer("/a", Reply.json({"n": 1}), Reply(status=503, body=b"{}"))
        connection = connect(server)
        answers = [get(connection, "/a") for _ in range(3)]
        connection.close()

    assert answers == [(200, b'{"n": 1}'), (503, b"{}"), (503, b"{}")]


def test_an_unknown_path_is_not_found():
    with StubServer() as server:
        connection = connect(server)
        status, body = get(connection, "/nowhere")
        connection.close()

    assert status == 404
    assert json.loads(body)["id"] == "not_found"


def test_what_was_asked_is_recorded():
    with StubServer() as server:
        connection = connect(server)
        get(connection, "/a?page=2&type=x")
        connection.close()
        (asked,) = server.asked

    assert (asked.method, asked.path) == ("GET", "/a")
    assert asked.query == {"page": "2", "type": "x"}
    assert asked.headers["x-own"] == "1"


def test_a_body_can_be_cut():
    with StubServer() as server:
        server.answer("/a", Reply(body=b"0123456789", cut_at=4))
        connection = connect(server)
        with pytest.raises(http.client.IncompleteRead) as caught:
            get(connection, "/a")
        connection.close()

    assert caught.value.partial == b"0123"


def test_leaving_ends_what_is_silent_or_kept_open_and_leaves_no_thread():
    before = set(threading.enumerate())
    with StubServer() as server:
        server.answer("/slow", Reply(delay_s=3600))
        kept, slow = connect(server), connect(server)
        get(kept, "/a")
        slow.request("GET", "/slow")

    assert set(threading.enumerate()) == before
    kept.close()
    slow.close()


def test_it_has_an_address_only_while_it_runs():
    with pytest.raises(RuntimeError, match="with block"):
        _ = StubServer().url
