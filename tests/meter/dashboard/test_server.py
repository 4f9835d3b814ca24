"""The dashboard's server: what it answers, whom it serves for, and that nothing of it stays."""

import json
import logging
import os
import re
import select
import signal
import socket
import threading

import pytest

from costmon.meter.dashboard import listener as listening
from costmon.meter.dashboard.server import Dashboard
from costmon.testing.clock import FakeClock
from tests.meter.dashboard.conftest import Figures, ask, port_of
from tests.meter.dashboard.samples import HOSTILE, measured, projected, row, snapshot

RECORDING = "/api/v1/meter/recording"


def token_of(port):
    (token,) = re.findall(r'name="costmon-token" content="([\w-]+)"', ask(port, "/").body.decode())
    return token


def order(port, body, token=None):
    headers = {"X-Costmon-Token": token_of(port) if token is None else token}
    content = body if isinstance(body, bytes) else json.dumps(body)
    return ask(port, RECORDING, "POST", content, headers)


def test_the_page_and_all_that_it_loads_come_from_here(dashboard):
    port = port_of(dashboard())

    page = ask(port, "/").body.decode()

    loaded = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(loaded) >= 4
    assert [ask(port, path).status for path in loaded] == [200] * len(loaded)
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/meter", "/static/meter.js", "/nothing", "/api/v1/meter?users=0"]
)
def test_every_answer_is_hardened(dashboard, path):
    answer = ask(port_of(dashboard()), path)

    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Server"] == "costmon"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_figures_are_json(dashboard):
    answer = ask(port_of(dashboard()))

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["meta"] == {"services": ["shop"]}
    assert len(answer.json["data"]["projection"]["routes"]) == 3


def test_who_has_the_answer_already_is_told_so(dashboard):
    port = port_of(dashboard())
    etag = ask(port).headers["ETag"]

    again = ask(port, headers={"If-None-Match": f'"old", W/{etag}'})

    assert (again.status, again.body) == (304, b"")
    assert ask(port, headers={"If-None-Match": '"old"'}).status == 200


def test_head_is_answered_without_the_content(dashboard):
    answer = ask(port_of(dashboard()), "/", "HEAD")

    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 1000


def test_other_figures_to_project_with_reach_the_projection(dashboard):
    asked = []

    def project(seen):
        asked.append(seen.options)
        return projected(1)

    port = port_of(dashboard(project=project))

    view = ask(port, "/api/v1/meter?users=50000&rps=0.5").json["data"]

    assert (asked[0].target_users, str(asked[0].requests_per_user_per_second)) == (50_000, "0.5")
    assert view["options"]["target_users"] == 50_000


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/meter?users=none", 400),
        ("/api/v1/meter?service=nobody", 404),
        ("/nothing", 404),
        ("/static/../server.py", 404),
        ("/static/page.html", 404),
        ("/api/v1/meter/recording", 405),
        ("//evil.example/", 404),
        ("/%00", 404),
    ],
)
def test_what_cannot_be_answered_is_refused_in_json_with_the_reason(dashboard, path, status):
    answer = ask(port_of(dashboard()), path)

    assert answer.status == status
    if status != 405:
        assert answer.json["message"]


def test_methods_that_mean_nothing_here_are_refused(dashboard):
    port = port_of(dashboard())

    assert ask(port, "/", "DELETE").status == 501
    assert ask(port, "/", "POST", "{}", {"X-Costmon-Token": token_of(port)}).status == 405


def test_an_order_reaches_the_workers(dashboard, figures):
    port = port_of(dashboard())

    stopped = order(port, {"action": "stop"})
    begun = order(port, {"action": "start", "service": "shop"})

    assert stopped.status == begun.status == 202
    assert stopped.json["data"] == {"recording": "first", "is_recording": False}
    assert [(service, control.is_recording) for service, control in figures.told] == [
        ("shop", False),
        ("shop", True),
    ]
    assert figures.told[1][1].recording != "first"
    assert ask(port).json["data"]["recording"]["id"] == figures.told[1][1].recording


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"action": "explode"}, 400),
        ({"action": ["start"]}, 400),
        ({"action": "stop", "service": "nobody"}, 404),
        ({"action": "stop", "service": 5}, 400),
        ({"action": "stop", "more": 1}, 400),
        ([], 400),
        (b"\xff{", 400),
        (b"[" * 4000, 400),
        (b" " * 5000, 413),
    ],
)
def test_an_order_that_is_none_changes_nothing(dashboard, figures, body, status):
    answer = order(port_of(dashboard()), body)

    assert answer.status == status
    assert not figures.told


def test_an_order_without_the_token_changes_nothing(dashboard, figures):
    assert order(port_of(dashboard()), {"action": "stop"}, token="guess").status == 403
    assert not figures.told


def test_before_any_application_reports_there_is_nothing_to_order(dashboard):
    port = port_of(dashboard(Figures()))

    assert ask(port).json == {"data": None, "meta": {"services": []}}
    assert order(port, {"action": "stop"}).status == 404


def test_a_fault_of_ours_is_told_and_logged_and_the_next_request_is_answered(
    dashboard, figures, caplog
):
    port = port_of(dashboard())
    figures.error = RuntimeError("broken")

    answer = ask(port, "/api/v1/meter?users=5")
    figures.error = None

    assert answer.status == 500
    assert b"broken" not in answer.body
    assert "failed to answer" in caplog.text
    assert ask(port, "/api/v1/meter?users=5").status == 200


def test_a_disk_that_takes_no_order_is_said(dashboard, figures):
    port = port_of(dashboard())
    figures.error = OSError("disk full")

    assert order(port, {"action": "stop"}).status == 503


def test_many_readers_cost_one_projection(dashboard, figures):
    port = port_of(dashboard(clock=FakeClock()))

    bodies = {ask(port).body for _ in range(10)}

    assert len(bodies) == 1
    assert figures.asked == 1


def test_a_dear_projection_is_made_more_rarely(dashboard, figures):
    clock = FakeClock()

    def project(_seen):
        clock.advance(1.0)
        return projected(1)

    port = port_of(dashboard(clock=clock, project=project, patience_s=1_000.0))
    ask(port)
    clock.advance(19.0)
    ask(port)
    assert figures.asked == 1

    clock.advance(2.0)
    ask(port)
    assert figures.asked == 2


def test_a_name_with_half_a_surrogate_pair_is_told(dashboard):
    port = port_of(dashboard(Figures(snapshot(row(route="/\ud800"), service="\udc00"))))

    assert ask(port).json["meta"]["services"] == ["\udc00"]


@pytest.mark.parametrize("header", [b"X-A: b\r\n" * 4_000, b"X-A: " + b"b" * 60_000])
def test_thousands_of_bytes_of_headers_are_not_read(dashboard, header):
    port = port_of(dashboard())

    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + header)
        assert b" 200 " not in answer_to(client)


def answer_to(client):
    """Return what the other end says before it closes."""
    try:
        return b"".join(iter(lambda: client.recv(4096), b""))
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"\x16\x03\x01\x02\x00garbage\r\n\r\n"])
def test_a_client_that_says_nothing_useful_is_dropped(dashboard, sent):
    port = port_of(dashboard(patience_s=0.2))

    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(sent)
        assert b" 200 " not in answer_to(client)


def is_dropped(client):
    """Send a header more, and tell whether the other end has closed."""
    try:
        client.sendall(b"X: y\r\n")
        return client.recv(10) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_a_client_that_drips_is_dropped_at_its_deadline(dashboard):
    port = port_of(dashboard(patience_s=0.3))

    with socket.create_connection(("127.0.0.1", port), timeout=0.05) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")

        assert any(is_dropped(client) for _ in range(200))


def test_a_client_that_takes_no_answer_holds_nobody_up(dashboard):
    port = port_of(dashboard(project=lambda _: projected(3_000), patience_s=0.3))

    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(("127.0.0.1", port))
        client.sendall(b"GET /api/v1/meter HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert ask(port, "/").status == 200
        client.settimeout(10)
        taken = answer_to(client)

    assert len(taken) > 0


def test_more_idle_clients_than_threads_keep_nobody_from_the_page(dashboard):
    port = port_of(dashboard(patience_s=30.0))
    idle = [
        socket.create_connection(("127.0.0.1", port), timeout=10)
        for _ in range(listening.MOST_CLIENTS * 2)
    ]

    try:
        assert ask(port, "/").status == 200
    finally:
        for client in idle:
            client.close()


def test_no_port_is_no_dashboard(dashboard):
    none = dashboard(port=None, is_started=False)

    none.start()

    assert (none.state, none.url) == ("off", None)


def test_started_twice_it_serves_once_and_stopped_it_leaves_nothing(dashboard):
    one = dashboard()
    port = port_of(one)

    one.start()
    one.stop()
    one.stop()

    assert (one.state, one.url) == ("off", None)
    with pytest.raises(ConnectionRefusedError):
        ask(port)


def test_it_can_be_started_again(dashboard):
    one = dashboard()
    one.stop()

    one.start()

    assert one.wait("serving", 5)
    assert ask(port_of(one), "/").status == 200


def test_the_second_worker_is_quiet_and_takes_over_when_the_first_ends(dashboard, caplog):
    caplog.set_level(logging.WARNING, "costmon.meter")
    first = dashboard()
    port = port_of(first)
    second = dashboard(port=port, is_started=False, retry_s=0.05)

    second.start()
    assert second.wait("standby", 5)
    assert second.url is None
    first.stop()

    assert second.wait("serving", 5)
    assert port_of(second) == port
    assert not caplog.records


@pytest.mark.parametrize("stranger", ["page", "closed", "other service"])
def test_a_port_that_a_stranger_has_is_left_to_it_and_the_log_says_so(dashboard, caplog, stranger):
    with Stranger(stranger, dashboard) as port:
        ours = dashboard(port=port)

        assert port_of(ours) > port
        assert f"port {port} is in use by another program" in caplog.text
        assert f"http://localhost:{port_of(ours)}" in caplog.text


def test_a_second_worker_finds_the_first_beside_a_stranger(dashboard):
    with Stranger("closed", dashboard) as port:
        first = dashboard(port=port)
        second = dashboard(port=port, is_started=False, retry_s=0.05)

        second.start()

        assert second.wait("standby", 5)
        taken = port_of(first)
        first.stop()
        assert second.wait("serving", 5)
        assert port_of(second) == taken


def test_one_of_ours_that_ends_while_it_is_asked_is_no_stranger(dashboard, caplog):
    caplog.set_level(logging.WARNING, "costmon.meter")
    dying = socket.create_server(("127.0.0.1", 0))
    port = dying.getsockname()[1]
    ours = dashboard(port=port, is_started=False)
    ours.start()

    client, _ = dying.accept()
    dying.close()
    client.close()

    assert ours.wait("serving", 5)
    assert port_of(ours) == port
    assert not caplog.records


def test_who_says_nothing_is_asked_three_times_before_it_is_a_stranger(dashboard):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        ours = dashboard(port=port, retry_s=0.01, patience_s=0.05)

        assert port_of(ours) > port


class Stranger:
    """Another program on a port."""

    def __init__(self, kind, dashboard):
        self.kind = kind
        self.dashboard = dashboard

    def __enter__(self):
        if self.kind == "other service":
            return port_of(self.dashboard(service="another"))
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self.socket.getsockname()[1]

    def run(self):
        while True:
            client, _ = self.socket.accept()
            with client:
                if client.recv(1000) == b"bye":
                    return
                if self.kind == "page":
                    client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    def __exit__(self, *_):
        if self.kind != "other service":
            with socket.create_connection(self.socket.getsockname()) as last:
                last.sendall(b"bye")
                self.thread.join()
            self.socket.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_serves_nothing_until_it_is_told_to(dashboard):
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    parent = dashboard(port=port, retry_s=0.05)
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        try:
            before = (parent.state, parent.url)
            parent.start()
            os.write(tell, f"{before} {parent.wait('standby', 5)}\n".encode())
            os.write(tell, f"{parent.wait('serving', 10)}\n".encode())
            parent.stop()
        finally:
            os._exit(0)
    os.close(tell)
    with os.fdopen(told) as pipe:
        assert line(pipe, child) == "('off', None) True\n"
        # The child has no copy of the port: it is free when the parent stops, for the child, too.
        assert ask(port, "/").status == 200
        parent.stop()
        assert line(pipe, child) == "True\n"
    os.waitpid(child, 0)


def line(pipe, child):
    ready, _, _ = select.select([pipe], [], [], 15)
    if not ready:
        os.kill(child, signal.SIGKILL)
    return pipe.readline() if ready else "hung"


def test_a_hostile_name_is_only_text_in_json(dashboard):
    port = port_of(dashboard(Figures(measured(1)._replace(service=HOSTILE))))

    answer = ask(port)

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["meta"]["services"] == [HOSTILE]


def test_the_dashboard_is_typed_for_any_source():
    assert Dashboard(Figures(), service="a", port=None, project=lambda _: projected(1)).url is None
