"""`costmon circuits`, against a running demo and against servers that misbehave."""

import http.client
import http.server
import json
import os
import re
import threading

import pytest

from costmon.cli import main
from costmon.config.user import name_of_user

ME = name_of_user(os.geteuid())


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def circuits(demo, capsys):
    """Run the command against the demo; return its exit code and what it said."""

    def run(*arguments):
        code = main(["circuits", *arguments, *demo.where])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.process
def test_a_circuit_is_opened_listed_and_closed(circuits):
    opened = circuits(
        "open", "host:API.Example.com", "--reason", "a loop", "--for", "2h", "--author", "ada"
    )  # an author that is claimed is not recorded
    listed = circuits()
    effective = circuits("list", "host:api.example.com", "--json")
    closed = circuits("close", "host:api.example.com", "--reason", "fixed")
    after = circuits("list", "host:api.example.com")

    assert opened[0] == 0
    assert opened[1].startswith("host:api.example.com is open until ")
    assert "host:api.example.com" in listed[1]
    assert f"{ME} a loop" in re.sub(" +", " ", listed[1])
    data = json.loads(effective[1])["data"]
    assert (data["state"], data["author"], data["reason"]) == ("open", ME, "a loop")
    assert closed[:2] == (0, "host:api.example.com is closed\n")
    assert "closed" in after[1]


@pytest.mark.process
def test_closing_one_that_a_wider_one_covers_says_that_calls_are_still_stopped(circuits):
    circuits("open", "host:*", "--reason", "everything")
    circuits("open", "host:wide.example", "--reason", "this one, too")

    code, out, _ = circuits("close", "host:wide.example", "--reason", "fixed")
    circuits("close", "host:*", "--reason", "fixed")

    assert code == 0
    assert out in {
        "accepted; host:wide.example is still open by host:*\n",
        "accepted: host:wide.example is closed once the service has processed it, or was already\n",
    }


@pytest.mark.process
def test_the_author_is_the_user_whose_token_it_is(circuits):
    circuits("open", "key:batch", "--reason", "x")

    _, out, _ = circuits("list", "key:batch", "--json")
    assert json.loads(out)["data"]["author"] == ME


@pytest.mark.process
def test_login_prints_a_link_that_signs_a_browser_in_once(demo, capsys):
    code = main(["login", *demo.where])
    url = capsys.readouterr().out.strip()
    host, _, path = url.removeprefix("http://").partition("/")

    def follow():
        connection = http.client.HTTPConnection(host, timeout=10)
        try:
            connection.request("GET", f"/{path}")
            answer = connection.getresponse()
            return answer.status, "costmon_session=" in answer.getheader("Set-Cookie", "")
        finally:
            connection.close()

    assert code == 0
    assert follow() == (303, True)
    assert follow() == (401, False)


@pytest.mark.process
def test_without_the_token_a_command_says_whose_it_needs_to_be(demo, capsys, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR")

    code = main(["circuits", "open", "global", "--reason", "x", *demo.where])

    assert code == 1
    assert "run this as the service's user" in capsys.readouterr().err


@pytest.mark.process
def test_a_scope_with_a_slash_survives_the_way(circuits):
    circuits("open", "key:meta/llama 3%?#", "--reason", "x")

    _, out, _ = circuits("list", "key:meta/llama 3%?#", "--json")

    assert json.loads(out)["data"]["scope"] == "key:meta/llama 3%?#"
    assert json.loads(out)["data"]["state"] == "open"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["open"], "required: SCOPE"),
        (["open", "global"], "requires --reason"),
        (["open", "global", "--reason", " "], "requires --reason"),
        (["open", "example.com", "--reason", "x"], "is not a valid scope"),
        (["close", "global", "--reason", "x", "--for", "2h"], "--for is only for"),
        (["--for", "2h", "close", "global", "--reason", "x"], "--for is only for"),
        (["--reason", " ", "open", "global"], "requires --reason"),
        (["open", "global", "--reason", "x", "--for", "soon"], "give a duration such as"),
        (["open", "global", "--reason", "x", "--for", "9999d"], "a duration from 1s to 366d"),
        (["shut", "global"], "invalid choice"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(arguments, words, capsys, unused_port):
    assert main(["circuits", *arguments, "--port", str(unused_port)]) == 2

    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["open", "global", "--reason", "x"]])
def test_no_service_is_one_line_that_says_how_to_start_one(arguments, capsys, unused_port):
    assert main(["circuits", *arguments, "--port", str(unused_port)]) == 1

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "costmon run" in error


class _Slow(http.server.BaseHTTPRequestHandler):
    """A service that accepts and does not get to it, and one that does not know yet."""

    asked: list[tuple[str, str, object]]
    known = True

    def _answer(self, status, content):
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.asked.append(("GET", self.path, self.headers.get("If-None-Match")))
        if not self.known:
            self._answer(503, {"error": "x", "message": "not read yet"})
        elif self.headers.get("If-None-Match") is not None:
            self._answer(304, None)
        else:
            self._answer(200, {"data": {"state": "closed", "circuit": None, "expires_at": None}})

    def do_PUT(self):
        length = int(self.headers["Content-Length"])
        self.asked.append(("PUT", self.path, json.loads(self.rfile.read(length))))
        self._answer(202, {"data": {"id": "1", "status": "accepted"}})

    def log_message(self, *args):
        pass


@pytest.fixture
def slow():
    handler = type("Handler", (_Slow,), {"asked": []})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield handler, str(server.server_address[1])
        server.shutdown()
        thread.join()


def test_what_is_not_in_force_yet_is_not_said_to_be(slow, capsys):
    handler, port = slow

    code = main(["circuits", "open", "global", "--reason", "x", "--author", "a", "--port", port])

    assert code == 0
    assert capsys.readouterr().out.startswith("accepted: global is open once")
    put = next(body for method, _, body in handler.asked if method == "PUT")
    assert put == {"state": "open", "reason": "x", "expires_in_s": None}


def test_a_service_that_does_not_know_its_circuits_yet_is_said(slow, capsys):
    handler, port = slow
    handler.known = False

    assert main(["circuits", "--port", port]) == 1

    assert "not read yet" in capsys.readouterr().err
