"""The way to the service: every exchange ends in time, within its cap, and with whom it should."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

from costmon.guard.link.address import address_of
from costmon.guard.link.door import ANSWER_BYTES, DoorError, open_door
from costmon.testing import Reply, StubServer

TOKEN = "s3cret-t0ken"
REPORTS = "/api/v1/guard/reports"


@pytest.fixture
def stub():
    with StubServer() as server:
        yield server


@pytest.fixture
def opened():
    with contextlib.ExitStack() as stack:

        def make(service, token=None, connect_s=1.0):
            door = open_door(address_of(service, token), connect_s)
            stack.callback(door.close)
            return door

        yield make


def test_the_token_goes_as_a_bearer(stub, opened):
    stub.answer(REPORTS, Reply.json({"data": {}}, status=202))

    answer = opened(stub.url, TOKEN).report(b"{}", 2.0)

    (asked,) = stub.asked
    assert answer.status == 202
    assert asked.method == "POST"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["content-type"] == "application/json"


def test_what_stands_before_the_api_in_the_url_is_kept(stub, opened):
    stub.answer("/costmon" + REPORTS, Reply.json({}, status=202))

    assert opened(f"{stub.url}/costmon/").report(b"{}", 2.0).status == 202


def test_a_connection_is_kept_between_reports(opened):
    accepted = []
    reply = b"HTTP/1.1 202 OK\r\nContent-Length: 2\r\n\r\n{}"

    def talk(connection):
        accepted.append(connection)
        _answering(connection, reply)

    with _talking(talk) as url:
        door = opened(url)
        for _ in range(3):
            assert door.report(b"{}", 2.0).status == 202

    assert len(accepted) == 1


def test_a_kept_connection_that_was_closed_meanwhile_is_made_anew(opened):
    reply = b"HTTP/1.1 202 OK\r\nContent-Length: 2\r\n\r\n{}"

    with _talking(lambda each: _answering(each, reply, times=1)) as url:
        door = opened(url)
        statuses = [door.report(b"{}", 2.0).status for _ in range(3)]

    assert statuses == [202, 202, 202]


def test_no_redirect_is_followed(stub, opened):
    stub.answer(REPORTS, Reply(status=307, headers={"Location": f"{stub.url}/elsewhere"}))

    assert opened(stub.url, TOKEN).report(b"{}", 2.0).status == 307
    assert [asked.path for asked in stub.asked] == [REPORTS]


def test_no_proxy_of_the_environment_is_used(stub, opened, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    stub.answer(REPORTS, Reply.json({}, status=202))

    assert opened(stub.url).report(b"{}", 2.0).status == 202


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=202, body=b"{}" * 100, drip_s=0.1),
        Reply(status=202, body=b"{}", delay_s=5.0),
    ],
    ids=["drips", "is silent"],
)
def test_a_service_that_takes_its_time_gets_so_much_and_no_more(stub, opened, reply):
    stub.answer(REPORTS, reply)

    began_s = time.monotonic()
    with pytest.raises(DoorError, match="did not answer in time"):
        opened(stub.url).report(b"{}", 0.5)
    assert time.monotonic() - began_s < 1.0


def test_headers_that_drip_get_no_more_time_either(opened):
    def drip(connection):
        for byte in b"HTTP/1.1 202 OK\r\n" + b"X: y\r\n" * 1_000:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    with _talking(drip) as url:
        began_s = time.monotonic()
        with pytest.raises(DoorError, match="in time"):
            opened(url).report(b"{}", 0.4)
        assert time.monotonic() - began_s < 0.8


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "cannot be asked|is not an HTTP server"),
        (b"SSH-2.0-OpenSSH_9\r\n", "is not an HTTP server"),
        (b"HTTP/1.1 202 OK\r\nContent-Length: 50\r\n\r\n{}", "ended before"),
        (b"HTTP/1.1 202 OK\r\nContent-Length: 1\r\n\r\n{", "invalid response"),
        (b"HTTP/1.1 202 OK\r\nContent-Length: -5\r\n\r\n{", "invalid response|cannot"),
        (b"HTTP/1.1 202 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "is not an HTTP server"),
        (b"HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "is not an HTTP server"),
    ],
)
def test_what_is_no_answer_is_one_error_with_a_sentence(opened, raw, said):
    with (
        _talking(lambda connection: _answering(connection, raw, times=1)) as url,
        pytest.raises(DoorError, match=said) as failed,
    ):
        opened(url, TOKEN).report(b"{}", 2.0)

    assert TOKEN not in str(failed.value)
    assert "\n" not in str(failed.value)


def test_no_more_than_the_cap_is_read(opened):
    def flood(connection):
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(ANSWER_BYTES // 65_536 + 100):
                connection.sendall(b" " * 65_536)

    with _talking(flood) as url, pytest.raises(DoorError, match="more than"):
        opened(url).policy(None, 0, 10.0)


def test_a_page_of_a_proxy_is_a_status_without_a_document(stub, opened):
    stub.answer(REPORTS, Reply(status=502, body=b"<html>bad gateway</html>"))

    answer = opened(stub.url).report(b"{}", 2.0)

    assert (answer.status, answer.document) == (502, None)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-1", None), ("nan", None), ("1e300", 3600.0), ("soon", None)],
)
def test_retry_after_is_read_as_seconds(stub, opened, header, seconds):
    stub.answer(REPORTS, Reply(status=503, headers={"Retry-After": header}))

    assert opened(stub.url).report(b"{}", 2.0).retry_after_s == seconds


def test_cutting_ends_a_question_that_waits_and_all_later_ones(stub, opened):
    stub.answer("/api/v1/guard/policy", Reply(delay_s=20.0))
    door = opened(stub.url)
    threading.Timer(0.2, door.cut).start()

    began_s = time.monotonic()
    for _ in range(2):
        with pytest.raises(DoorError):
            door.policy('"r"', 30, 30.0)

    assert time.monotonic() - began_s < 2.0


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "ended before"),
        (b"\x00\x00\x00\x09{}", "ended before"),
        (b"\xff\xff\xff\xff{}", "more than"),
        (b"\x00\x00\x00\x02[]", "not a JSON object"),
        (b"\x00\x00\x00\x02{}", "no status"),
        (b"\x00\x00\x00\x02\xff\xff", "not JSON"),
    ],
)
def test_a_frame_that_is_none_is_one_error_with_a_sentence(opened, tmp_path, raw, said):
    def answer(connection):
        _answering(connection, raw, times=1)

    path = str(tmp_path / "s")
    with _talking(answer, path), pytest.raises(DoorError, match=said):
        opened(f"unix:{path}").report(b"{}", 2.0)


def test_a_frame_that_drips_gets_no_more_time(opened, tmp_path):
    def drip(connection):
        for byte in b"\x00\x00\x10\x00" + b" " * 100:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    path = str(tmp_path / "s")
    with _talking(drip, path):
        began_s = time.monotonic()
        with pytest.raises(DoorError, match="in time"):
            opened(f"unix:{path}").policy(None, 0, 0.3)
        assert time.monotonic() - began_s < 0.8


def test_a_socket_that_is_not_there_is_said(opened, tmp_path):
    with pytest.raises(DoorError, match="nothing listens at unix:/"):
        opened(f"unix:{tmp_path}/none").report(b"{}", 1.0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out",
         folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def secured(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    reply = b"HTTP/1.1 202 OK\r\nContent-Length: 2\r\n\r\n{}"
    received = []

    def answer(connection):
        with context.wrap_socket(connection, server_side=True) as secure:
            received.append(secure)
            _answering(secure, reply, times=2)
            while secure.recv(65_536):  # and now nothing, until the other side has gone
                pass

    with _talking(answer) as url:
        yield f"https://localhost:{url.rpartition(':')[2]}", received, certificate / "cert.pem"


def test_a_certificate_that_is_trusted_lets_reports_through(secured, opened, monkeypatch):
    url, received, trusted = secured
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    door = opened(url, TOKEN)

    assert [door.report(b"{}", 3.0).status for _ in range(2)] == [202, 202]
    assert len(received) == 1


def test_a_certificate_that_nobody_vouches_for_gets_no_token(secured, opened):
    url, received, _ = secured

    with pytest.raises(DoorError, match="untrusted certificate"):
        opened(url, TOKEN).report(b"{}", 3.0)

    assert not received


def test_a_certificate_for_another_name_gets_no_token(secured, opened, monkeypatch):
    url, received, trusted = secured
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))

    with pytest.raises(DoorError, match="untrusted certificate"):
        opened(url.replace("localhost", "127.0.0.1"), TOKEN).report(b"{}", 3.0)

    assert not received


def test_a_tls_question_that_waits_can_be_cut(secured, opened, monkeypatch):
    url, received, trusted = secured
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    door = opened(url, TOKEN)
    for _ in range(2):
        door.report(b"{}", 3.0)
    threading.Timer(0.2, door.cut).start()

    began_s = time.monotonic()
    with pytest.raises(DoorError):
        door.policy(None, 30, 30.0)
    assert 0.1 < time.monotonic() - began_s < 3.0
    assert len(received) == 1


def _answering(connection, raw, times=1_000):
    """Answer so many messages with `raw`, whatever they say."""
    with contextlib.suppress(OSError):
        for _ in range(times):
            if not _message(connection):
                break
            connection.sendall(raw)


def _message(connection):
    """Return one request, as the tests of this file send them."""
    received = b""
    while chunk := connection.recv(65_536):
        received += chunk
        is_get = received.startswith(b"GET") and received.endswith(b"\r\n\r\n")
        if is_get or received.endswith((b"\r\n\r\n{}", b"}}")):
            return received
    return b""


@contextlib.contextmanager
def _talking(talk, path=None):
    """Listen, and let `talk` have each connection in a thread; give the URL."""
    family = socket.AF_UNIX if path else socket.AF_INET
    connections, threads = [], []
    listener = socket.socket(family)
    listener.bind(path or ("127.0.0.1", 0))
    listener.listen()

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            thread = threading.Thread(target=quietly, args=(connection,), name="talker")
            threads.append(thread)
            thread.start()

    def quietly(connection):
        with contextlib.suppress(OSError):
            talk(connection)
        with contextlib.suppress(OSError):
            connection.close()

    threads.append(threading.Thread(target=accept, name="acceptor"))
    threads[0].start()
    try:
        yield path or f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in tuple(threads):
            thread.join()
