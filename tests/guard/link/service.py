"""A costmon service as a guard sees it, real sockets and all, that misbehaves as told."""

import contextlib
import json
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from costmon.domain.spend import GuardReport, SpendRow
from costmon.intake.report import decode_report

LENGTH = struct.Struct("!I")


class Service:
    """What a service knows and how it answers; `news` is notified of everything that happens."""

    def __init__(self):
        self.news = threading.Condition()
        self.reports: list[GuardReport] = []
        self.statuses: list[int] = []
        self.confirms = True
        self.down: tuple[int, float | None] | None = None
        """(status, retry_after) instead of any answer."""
        self.refuses: Callable[[GuardReport], int | None] = lambda _: None
        """Returns a status for a report that is refused."""
        self.hangs = threading.Event()
        self.leaving = threading.Event()
        self.token: str | None = None
        self.policies = 0
        self.revision = "r1"
        self.budgets: list[dict[str, object]] = []
        self.circuits: list[dict[str, object]] = []
        self.no_waiting = False
        self.impatient = False
        self.waits = 0

    def open_circuit(self, scope, revision="r2"):
        with self.news:
            self.revision = revision
            self.circuits = [
                {
                    "scope": scope,
                    "state": "open",
                    "reason": "too much",
                    "author": "ann",
                    "changed_at": "2026-11-21T10:00:00Z",
                    "expires_at": None,
                }
            ]
            self.news.notify_all()

    def wait_for(self, happened, timeout_s=8.0):
        with self.news:
            assert self.news.wait_for(happened, timeout_s), "it did not happen"

    def rows(self):
        """Return the newest copy of each row that was reported, by store, hour, scope, activity."""
        found: dict[tuple[object, ...], SpendRow] = {}
        with self.news:
            for report in self.reports:
                for row in report.rows:
                    key = (report.store, row.hour, row.scope, row.activity)
                    if key not in found or found[key].changes <= row.changes:
                        found[key] = row
        return found

    def take(self, body):
        report = decode_report(body)
        with self.news:
            status = self.refuses(report)
            self.statuses.append(status or 202)
            if status:
                self.news.notify_all()
                return status, {"error": "Refused", "message": "not this one"}
            before = [each.sequence for each in self.reports if each.guard == report.guard]
            confirmed = max(before, default=None) if self.confirms else None
            self.reports.append(report)
            self.news.notify_all()
        return 202, {"data": {"confirmed": confirmed, "policy": self.revision}}

    def policy(self, known, wait_s):
        with self.news:
            self.policies += 1
            self.news.notify_all()
            if wait_s and self.no_waiting:
                return 503, None
            if wait_s and not self.impatient:
                self.waits += 1
                self.news.notify_all()
                self.news.wait_for(
                    lambda: self.revision != known or self.leaving.is_set(), timeout=wait_s
                )
            if self.revision == known:
                return 304, None
            return 200, {
                "data": {
                    "revision": self.revision,
                    "budgets": self.budgets,
                    "circuits": self.circuits,
                }
            }

    def leave(self):
        self.leaving.set()
        self.hangs.clear()
        with self.news:
            self.news.notify_all()

    def hang(self):
        while self.hangs.is_set() and not self.leaving.is_set():
            time.sleep(0.01)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float | None] = 60

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._is_barred():
            self._answer(*vars(self.server)["service"].take(body))

    def do_GET(self):
        if self._is_barred():
            return
        query = parse_qs(urlsplit(self.path).query)
        known = (self.headers["If-None-Match"] or "").strip('"')
        self._answer(
            *vars(self.server)["service"].policy(known, float(query.get("wait", ["0"])[0]))
        )

    def _is_barred(self):
        service = vars(self.server)["service"]
        service.hang()
        with service.news:
            service.news.notify_all()
        if service.down:
            status, after = service.down
            self._answer(status, None, {"Retry-After": str(after)} if after is not None else {})
            return True
        if service.token and self.headers["Authorization"] != f"Bearer {service.token}":
            self._answer(401, {"title": "no"})
            return True
        return False

    def _answer(self, status, document, headers=()):
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        if status == 200:
            self.send_header("ETag", f'"{document["data"]["revision"]}"')
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class _Tracking(socketserver.TCPServer):
    """Remembers connections, to drop them, and waits for the threads."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, service, *args):
        self.service = service
        self.open: set[Any] = set()
        super().__init__(*args)

    def process_request(self, request, address):
        self.open.add(request)
        super().process_request(request, address)

    def shutdown_request(self, request):
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_):
        pass

    def drop(self):
        for connection in tuple(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _HttpServer(_Tracking, socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = False


class _Frames(socketserver.BaseRequestHandler):
    def handle(self):
        service = vars(self.server)["service"]
        while head := self._exactly(LENGTH.size):
            asked = json.loads(self._exactly(LENGTH.unpack(head)[0]))
            service.hang()
            if service.down:
                status, document = service.down[0], {"error": "away", "message": "later"}
            elif asked["op"] == "report":
                status, document = service.take(json.dumps(asked["report"]).encode())
            else:
                status, document = service.policy(asked["revision"], asked["wait"])
            content = json.dumps({"status": status, "body": document}).encode()
            self.request.sendall(LENGTH.pack(len(content)) + content)

    def _exactly(self, size):
        received = b""
        while len(received) < size:
            chunk = self.request.recv(size - len(received))
            if not chunk:
                return b""
            received += chunk
        return received


class _UnixServer(_Tracking, socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = False
    allow_reuse_address = False


@contextlib.contextmanager
def running(service, where="127.0.0.1", port=0):
    """Serve on a port of loopback, or on the path of a socket; give the address."""
    server: _Tracking
    if where.startswith("/"):
        server = _UnixServer(service, where, _Frames)
        address = f"unix:{where}"
    else:
        server = _HttpServer(service, (where, port), _Handler)
        address = f"http://{where}:{server.server_address[1]}"
    service.leaving.clear()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="service")
    thread.start()
    try:
        yield address
    finally:
        service.leave()
        server.shutdown()
        server.drop()
        server.server_close()
        thread.join()
