"""One GET over a real connection: whole, bounded, and never somewhere else."""

import gzip
import json
import re
import socket
import threading
import zlib

import pytest
import requests.utils

from costmon.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderFrozenError,
    ProviderNetworkError,
    ProviderNotFoundError,
    ProviderPermissionError,
    ProviderSchemaError,
    ProviderServerError,
    ProviderTimeoutError,
)
from costmon.outbound import OutboundLimits
from costmon.testing import FakeClock, Reply

PATIENT = OutboundLimits(attempts=1)
ONCE = OutboundLimits(read_timeout_s=0.3, deadline_s=1.0, max_bytes=100_000, attempts=1)


def test_a_body_arrives_whole(server, open_door):
    body = bytes(range(256)) * 300
    server.answer("/v2/x", Reply(body=body))
    door, _ = open_door()

    assert door.get("/v2/x", {"page": 2, "type": "a b"}) == body
    (asked,) = server.asked
    assert (asked.method, asked.query) == ("GET", {"page": "2", "type": "a b"})


def test_the_token_is_in_its_header(server, open_door):
    server.answer("/v2/x", Reply(body=b"{}"))
    door, _ = open_door(headers={"Authorization": "Bearer dop_v1_plain"})

    door.get("/v2/x", {})

    assert server.asked[0].headers["authorization"] == "Bearer dop_v1_plain"
    assert "dop_v1_plain" not in repr(door)


def test_a_vendors_own_headers_are_sent_and_those_of_one_request_win(server, open_door):
    server.answer("/v2/x", Reply(body=b"<a/>", headers={"Content-Type": "application/xml"}))
    door, _ = open_door(headers={"x-api-key": "sk-planted", "anthropic-version": "2023-06-01"})

    door.get("/v2/x", {}, headers={"x-api-key": "signed"}, accept="xml")

    sent = server.asked[0].headers
    assert (sent["x-api-key"], sent["anthropic-version"]) == ("signed", "2023-06-01")
    assert sent["accept"] == "application/xml"
    assert "authorization" not in sent


def test_a_refused_answer_is_kept_for_the_provider_and_is_not_in_the_text(server, open_door):
    server.answer("/v2/x", Reply.json({"error": {"code": "costs_not_found"}}, status=404))
    door, _ = open_door()

    with pytest.raises(ProviderError) as caught:
        door.get("/v2/x", {})

    assert caught.value.status == 404
    assert json.loads(caught.value.answer) == {"error": {"code": "costs_not_found"}}
    assert "costs_not_found" not in str(caught.value)


def test_an_endpoint_that_was_removed_is_frozen(server, open_door):
    server.answer("/v2/x", Reply(status=410))
    door, _ = open_door()

    with pytest.raises(ProviderFrozenError, match="removed this endpoint"):
        door.get("/v2/x", {})


@pytest.mark.parametrize("path", ["/v1/buy", "/v1/projects/a/b/query", "/v1/projects//query"])
def test_a_post_to_a_path_that_was_not_declared_is_not_sent(server, open_door, path):
    door, _ = open_door(read_only_posts=("/v1/projects/*/query",))

    with pytest.raises(ValueError, match="has not declared POST"):
        door.post(path, b"{}")

    assert not server.asked


def test_a_declared_post_is_sent_and_may_be_answered_201(server, open_door):
    server.answer("/v1/projects/ref/query", Reply.json([{"n": 1}], status=201))
    door, _ = open_door(read_only_posts=("/v1/projects/*/query",))

    answer = door.post("/v1/projects/ref/query", b'{"query": "select 1"}')

    assert json.loads(answer) == [{"n": 1}]
    (asked,) = server.asked
    assert (asked.method, asked.headers["content-type"]) == ("POST", "application/json")


def test_a_declared_post_may_have_headers_of_its_own(server, open_door):
    server.answer("/token", Reply.json({"access_token": "x"}))
    door, _ = open_door(read_only_posts=("/token",))

    door.post("/token", b"a=b", headers={"Content-Type": "application/x-www-form-urlencoded"})

    assert server.asked[0].headers["content-type"] == "application/x-www-form-urlencoded"


def test_what_a_refusal_wants_answered_is_for_the_provider_and_never_shown(server, open_door):
    challenge = 'Digest realm="r", nonce="planted-nonce"'
    server.answer("/", Reply.json({}, status=401, www_authenticate=challenge))
    door, _ = open_door()

    with pytest.raises(ProviderAuthError) as caught:
        door.get("/", {})

    assert caught.value.challenge == challenge
    assert caught.value.explained(hint="x").challenge == challenge
    assert "planted-nonce" not in f"{caught.value}{caught.value!r}"


@pytest.mark.parametrize("zipped", [False, True])
def test_lines_come_one_by_one_without_the_empty_ones(server, open_door, zipped):
    body = b'{"a":1}\n\n{"a":2}\r\n{"a":3}'
    server.answer(
        "/lines",
        Reply(
            body=gzip.compress(body) if zipped else body,
            headers={"Content-Encoding": "gzip"} if zipped else {},
        ),
    )
    door, _ = open_door()

    assert list(door.lines("/lines", (("x", 1), ("x", 2)))) == [b'{"a":1}', b'{"a":2}', b'{"a":3}']


def test_lines_that_break_off_are_an_error_after_those_that_came(server, open_door):
    whole = gzip.compress(b"".join(b'{"a":%d}\n' % n for n in range(100_000)))
    server.answer("/lines", Reply(body=whole[:-20], headers={"Content-Encoding": "gzip"}))
    door, _ = open_door()

    with pytest.raises(ProviderNetworkError, match="cut off"):
        for _line in door.lines("/lines", {}):
            pass

    assert door.take_counts()[1] == (("network", 1),)


def test_a_line_without_end_is_refused(server, open_door):
    server.answer("/lines", Reply(body=b"x" * 2_000_000))
    door, _ = open_door()

    with pytest.raises(ProviderSchemaError, match="the line is larger than"):
        list(door.lines("/lines", {}))


def test_netrc_does_not_replace_the_token(server, open_door, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.vendor.example login eve password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", server.url)
    vendor = "http://api.vendor.example"
    assert requests.utils.get_netrc_auth(vendor) == ("eve", "other")
    server.answer("/v2/x", Reply(body=b"{}"))
    door, _ = open_door(base_url=vendor)

    door.get("/v2/x", {})

    assert server.asked[0].headers["authorization"] == "Bearer dop_v1_planted"


def test_a_proxy_gets_nothing_that_is_for_this_machine(server, open_door, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.answer("/v2/x", Reply(body=b"{}"))
    door, _ = open_door()

    assert door.get("/v2/x", {}) == b"{}"


def test_a_proxy_is_used_for_vendors(server, open_door, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", server.url)
    server.answer("/v2/x", Reply(body=b"{}"))
    door, _ = open_door(base_url="http://api.vendor.example")

    assert door.get("/v2/x", {}) == b"{}"
    assert server.asked[0].headers["host"] == "api.vendor.example"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("REQUESTS_CA_BUNDLE", "/nope.pem", "certificate bundle, invalid path: /nope.pem"),
        ("HTTPS_PROXY", "http://[::1", "InvalidURL"),
        ("HTTPS_PROXY", "://", "InvalidProxyURL"),
        ("HTTPS_PROXY", "http://user:planted@host:99999", "InvalidURL"),
        ("HTTPS_PROXY", "ftp://host", "InvalidURL"),
        ("HTTPS_PROXY", "socks5://127.0.0.1:1", "InvalidSchema"),
        ("HTTPS_PROXY", f"http://user:planted@{'a' * 300}", "could not be reached"),
        ("HTTPS_PROXY", "http://user:planted@127.0.0.1:1", "Connection refused"),
    ],
)
def test_a_wrong_environment_is_a_network_error_that_says_where_to_look(
    open_door, monkeypatch, variable, value, words
):
    monkeypatch.setenv(variable, value)
    door, _ = open_door(base_url="https://vendor.invalid")

    with pytest.raises(ProviderNetworkError, match=re.escape(words)) as caught:
        door.get("/v2/x", {})

    assert "HTTPS_PROXY, NO_PROXY and REQUESTS_CA_BUNDLE" in str(caught.value)
    assert "planted" not in str(caught.value)
    assert caught.value.__context__ is None


def test_localhost_is_this_machine_too(server, open_door, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.answer("/v2/x", Reply(body=b"{}"))
    door, _ = open_door(base_url=server.url.replace("127.0.0.1", "localhost"))

    assert door.get("/v2/x", {}) == b"{}"


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "quote\u2019s", "tab\t"])
def test_a_token_that_no_header_can_carry_is_refused_without_being_quoted(server, open_door, token):
    door, _ = open_door(headers={"Authorization": f"Bearer {token}"})

    with pytest.raises(ProviderAuthError, match="not valid in a token") as caught:
        door.get("/v2/x", {})

    assert not token or token not in str(caught.value)
    assert server.asked == ()


def test_a_prefix_of_the_address_is_kept(server, open_door):
    server.answer("/mirror/v2/x", Reply(body=b"{}"))
    door, _ = open_door(base_url=f"{server.url}/mirror/")

    assert door.get("/v2/x", {}) == b"{}"


def test_the_host_is_named_without_credentials(open_door):
    door, _ = open_door(base_url="http://user:secret@127.0.0.1:81/api")

    assert door.host == "127.0.0.1:81"


def test_a_connection_is_used_again(server, open_door):
    ports = set()
    server.script("/v2/x", lambda asked: Reply(body=b"{}"))
    door, _ = open_door()
    original = server._server.process_request

    def process_request(request, client_address):
        ports.add(client_address[1])
        original(request, client_address)

    server._server.process_request = process_request
    for _ in range(5):
        door.get("/v2/x", {})

    assert len(ports) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, ProviderAuthError),
        (403, ProviderPermissionError),
        (404, ProviderNotFoundError),
        (400, ProviderSchemaError),
        (422, ProviderSchemaError),
        (204, ProviderSchemaError),
        (206, ProviderSchemaError),
        (300, ProviderSchemaError),
    ],
)
def test_what_cannot_succeed_is_asked_once(server, open_door, status, error):
    server.answer("/v2/x", Reply(status=status))
    door, pauses = open_door()

    with pytest.raises(error) as caught:
        door.get("/v2/x", {"page": 3})

    assert type(caught.value) is error
    assert str(caught.value).startswith("digitalocean: GET /v2/x: ")
    assert (len(server.asked), pauses) == (1, [])
    assert door.take_counts() == (1, ((caught.value.reason, 1),))


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://evil.example/v2/x?token=abc", "another host (evil.example)"),
        ("//user:abc@evil.example/", "another host (evil.example)"),
        ("/v2/y?token=abc", "another path"),
        ("http://[::1/abc", "another path"),
        ("", "another path"),
    ],
)
def test_a_redirect_is_named_without_its_secrets(server, open_door, location, named):
    server.answer("/v2/x", Reply(status=307, headers={"location": location}))
    server.answer("/v2/y", Reply(body=b"{}"))
    door, _ = open_door()

    with pytest.raises(ProviderSchemaError) as caught:
        door.get("/v2/x", {})

    assert named in str(caught.value)
    assert "abc" not in str(caught.value)
    assert len(server.asked) == 1


def test_the_body_of_a_redirect_is_not_read(server, open_door):
    headers = {"location": "http://127.0.0.1:9/"}
    server.answer("/v2/x", Reply(status=302, body=b"x" * 1000, drip_s=0.1, headers=headers))
    door, _ = open_door(limits=ONCE)

    with pytest.raises(ProviderSchemaError, match="redirected"):
        door.get("/v2/x", {})


def test_html_is_named_for_what_it_is(server, open_door):
    headers = {"content-type": "text/html; charset=utf-8"}
    server.answer("/v2/x", Reply(body=b"<html>", headers=headers))
    door, _ = open_door()

    with pytest.raises(ProviderSchemaError, match="expected JSON, got 'text/html"):
        door.get("/v2/x", {})


@pytest.mark.parametrize("content_type", ["application/json", "application/hal+JSON"])
def test_any_kind_of_json_is_taken(server, open_door, content_type):
    server.answer("/v2/x", Reply(body=b"{}", headers={"content-type": content_type}))
    door, _ = open_door()

    assert door.get("/v2/x", {}) == b"{}"


def packed(body):
    return Reply(body=gzip.compress(body), headers={"content-encoding": "gzip"})


def test_a_compressed_body_is_unpacked(server, open_door):
    body = b'{"a": "' + b"x" * 90_000 + b'"}'
    server.answer("/v2/x", packed(body))
    door, _ = open_door()

    assert door.get("/v2/x", {}) == body
    assert server.asked[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("size", [100_001, 20_000_000])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_body_beyond_the_size_is_refused(server, open_door, size, compressed):
    body = b" " * size
    server.answer("/v2/x", packed(body) if compressed else Reply(body=body))
    door, _ = open_door()

    with pytest.raises(ProviderSchemaError, match="larger than 100000 bytes"):
        door.get("/v2/x", {})

    assert len(server.asked) == 1


@pytest.mark.parametrize("compressed", [True, False])
def test_a_body_of_exactly_the_size_is_taken(server, open_door, compressed):
    body = b" " * 100_000
    server.answer("/v2/x", packed(body) if compressed else Reply(body=body))
    door, _ = open_door()

    assert door.get("/v2/x", {}) == body


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (
            Reply(body=b"plain", headers={"content-encoding": "gzip"}),
            ProviderSchemaError,
            "could not be decompressed",
        ),
        (
            Reply(body=zlib.compress(b"{}"), headers={"content-encoding": "br"}),
            ProviderSchemaError,
            "unknown compression 'br'",
        ),
        (
            Reply(body=gzip.compress(b"{}" * 500)[:-12], headers={"content-encoding": "gzip"}),
            ProviderNetworkError,
            "was cut off",
        ),
        (Reply(body=b"{" * 100, cut_at=50), ProviderNetworkError, "was cut off"),
        (Reply(body=b"{" * 100, cut_at=0), ProviderNetworkError, "was cut off"),
        (Reply(delay_s=5.0), ProviderTimeoutError, "no response within 0.3 s"),
        (Reply(body=b"{}", drip_s=5.0), ProviderTimeoutError, "stalled for 0.3 s"),
        (Reply(body=b" " * 100, drip_s=0.1), ProviderTimeoutError, "complete within 1 s"),
        (
            Reply(body=gzip.compress(b" " * 100), drip_s=0.1, headers={"content-encoding": "gzip"}),
            ProviderTimeoutError,
            "complete within 1 s",
        ),
    ],
)
def test_a_body_that_does_not_arrive_is_an_error_that_says_how(
    server, open_door, reply, error, words
):
    server.answer("/v2/x", reply)
    door, _ = open_door(limits=ONCE)

    with pytest.raises(error, match=words) as caught:
        door.get("/v2/x", {})

    assert caught.value.__context__ is None


def test_after_a_broken_answer_the_next_one_is_good(server, open_door):
    server.answer("/v2/x", Reply(body=b"{" * 100, cut_at=50), Reply(body=b"{}"))
    door, pauses = open_door()

    assert door.get("/v2/x", {}) == b"{}"
    assert len(pauses) == 1


def test_nobody_listening_is_a_network_error_in_words(open_door):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    door, _ = open_door(base_url=f"http://127.0.0.1:{port}", limits=ONCE)

    with pytest.raises(ProviderNetworkError, match="Connection refused") as caught:
        door.get("/v2/x", {"token": "abc"})

    assert caught.value.__context__ is None
    assert "abc" not in str(caught.value)


def test_a_server_that_hangs_up_is_a_network_error(open_door):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up():
            connection, _ = listener.accept()
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        port = listener.getsockname()[1]
        door, _ = open_door(base_url=f"http://127.0.0.1:{port}", limits=PATIENT)
        with pytest.raises(ProviderNetworkError):
            door.get("/v2/x", {})
        thread.join()


def test_a_server_that_does_not_speak_http_is_a_network_error(open_door):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble():
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(b"220 mail ready\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=babble)
        thread.start()
        port = listener.getsockname()[1]
        door, _ = open_door(base_url=f"http://127.0.0.1:{port}", limits=PATIENT)
        with pytest.raises(ProviderNetworkError):
            door.get("/v2/x", {})
        thread.join()


def test_a_sign_of_life_is_given_at_every_attempt_and_chunk(server, open_door):
    beats = []
    server.answer("/v2/x", Reply(status=500), Reply(body=b" " * 99_000))
    door, _ = open_door(beat=lambda: beats.append(len(server.asked)))

    door.get("/v2/x", {})

    assert beats[:2] == [0, 1]
    assert len(beats) > 2


def test_what_the_sign_of_life_raises_ends_the_get(server, open_door):
    class FencedError(Exception):
        pass

    def beat():
        if server.asked:
            raise FencedError

    server.answer("/v2/x", Reply(body=b"{}"))
    door, _ = open_door(beat=beat)

    with pytest.raises(FencedError):
        door.get("/v2/x", {})


def test_counts_start_anew_when_they_are_taken(server, open_door):
    server.answer("/v2/x", Reply(status=500), Reply(status=502), Reply(body=b"{}"))
    server.answer("/v2/y", Reply(status=403))
    door, _ = open_door()
    door.get("/v2/x", {})
    with pytest.raises(ProviderPermissionError):
        door.get("/v2/y", {})

    assert door.take_counts() == (4, (("permission", 1), ("server", 2)))
    assert door.take_counts() == (0, ())


def test_a_broken_wall_clock_does_not_matter_to_a_deadline(server, open_door):
    clock = FakeClock()
    clock.step(-(10**9))
    server.answer("/v2/x", Reply(body=b"{}"))
    door, _ = open_door(clock=clock)

    assert door.get("/v2/x", {}) == b"{}"


def test_a_stop_during_a_pause_ends_the_attempts_with_their_error(server, open_door):
    server.answer("/v2/x", Reply(status=500))
    door, _ = open_door(pause=lambda _: False)

    with pytest.raises(ProviderServerError):
        door.get("/v2/x", {})

    assert len(server.asked) == 1


def test_in_an_outage_only_the_first_requests_are_repeated_until_one_succeeds(server, open_door):
    server.answer("/v2/x", Reply(status=503))
    server.answer("/v2/good", Reply(body=b"{}"))
    door, _ = open_door()

    def attempts():
        before = len(server.asked)
        with pytest.raises(ProviderServerError):
            door.get("/v2/x", {})
        return len(server.asked) - before

    assert [attempts() for _ in range(4)] == [4, 4, 1, 1]
    door.get("/v2/good", {})
    assert attempts() == 4


def test_a_refusal_is_an_answer_and_no_outage(server, open_door):
    server.answer("/v2/x", Reply(status=503))
    server.answer("/v2/forbidden", Reply(status=403))
    door, _ = open_door()
    for path, error in (("x", ProviderServerError), ("forbidden", ProviderPermissionError)) * 3:
        with pytest.raises(error):
            door.get(f"/v2/{path}", {})

    assert len(server.asked) == 3 * (4 + 1)
