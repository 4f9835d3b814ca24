"""The client of the running service, against servers that misbehave."""

import contextlib
import http.server
import os
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from costmon.cli import client as client_module
from costmon.cli.client import ServiceClient, ServiceError, listening_users
from costmon.config import Settings
from costmon.config.api_token import made_token
from costmon.providers import catalog

PROVIDERS = catalog.declarations()


@contextlib.contextmanager
def serving(status, body, seen=None):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if seen is not None:
                seen.append((self.path, self.headers.get("Authorization")))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_GET

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield str(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def client_of(port, **variables):
    environ = {"COSTMON_PORT": port} | variables
    return ServiceClient(Settings.from_env(environ, accounts_required=False, providers=PROVIDERS))


def test_amounts_are_read_exact_and_the_query_is_escaped():
    seen: list[tuple[str, str | None]] = []
    with serving(200, b'{"a": 0.10}', seen) as port:
        reply = client_of(port).get("/x", {"q": "a b&c"})

    assert reply.content == {"a": Decimal("0.10")}
    assert reply.text == '{"a": 0.10}'
    assert seen == [("/x?q=a+b%26c", None)]


def test_the_token_that_the_service_made_is_sent_with_changes_only(tmp_path):
    token = made_token(tmp_path).reveal()
    seen: list[tuple[str, str | None]] = []
    with serving(200, b"{}", seen) as port:
        client = client_of(port, COSTMON_STATE_DIR=str(tmp_path))
        client.get("/read")
        client.send("PUT", "/change")

    assert seen == [("/read", None), ("/change", f"Bearer {token}")]


def test_the_token_is_not_sent_to_a_program_of_another_user(tmp_path, monkeypatch):
    made_token(tmp_path)
    monkeypatch.setattr(
        client_module, "listening_users", lambda _port: frozenset({os.geteuid(), 7})
    )
    seen: list[tuple[str, str | None]] = []

    with serving(200, b"{}", seen) as port, pytest.raises(ServiceError, match="runs as user 7"):
        client_of(port, COSTMON_STATE_DIR=str(tmp_path)).send("PUT", "/change")

    assert seen == []


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="not Linux")
def test_who_listens_on_a_port_is_known():
    with serving(200, b"{}") as port:
        assert listening_users(int(port)) == {os.geteuid()}

    assert listening_users(int(port)) == set()


def test_the_token_that_the_service_made_is_not_sent_to_another_machine(tmp_path):
    made_token(tmp_path)
    client = client_of("1", COSTMON_STATE_DIR=str(tmp_path))
    client._host = "192.0.2.1"

    assert client._found_token() is None


def test_the_token_is_sent_as_bearer():
    seen: list[tuple[str, str | None]] = []
    with serving(200, b"{}", seen) as port:
        client_of(port, COSTMON_API_TOKEN="0123456789abcdef").get("/x")

    assert seen == [("/x", "Bearer 0123456789abcdef")]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b"{}", "COSTMON_API_TOKEN"),
        (404, b'{"message": "Wait for the next polling cycle."}', "Wait for the next"),
        (500, b"[]", "500"),
        (200, b"<html>", "another program"),
        (200, b"\xff\xfe", "another program"),
    ],
)
def test_what_is_no_answer_is_an_error_in_words(status, body, words):
    with serving(status, body) as port, pytest.raises(ServiceError, match=words):
        client_of(port).get("/x")


def test_an_accepted_status_is_an_answer():
    with serving(503, b'{"ready": false}') as port:
        assert client_of(port).get("/readyz", accepted=(503,)).status == 503


def test_a_service_on_all_addresses_is_asked_on_loopback():
    with serving(200, b"{}") as port:
        client = client_of(port, COSTMON_HOST="0.0.0.0", COSTMON_API_TOKEN="0123456789abcdef")

        assert client.get("/x").status == 200
