"""A collector of OTLP that keeps what it gets."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from typing import Any


class Receiver(http.server.HTTPServer):
    """Answers as told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.received: list[tuple[str, Any, bytes]] = []
        self.answer = (200, b"{}")
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Request(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        assert isinstance(self.server, Receiver)
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, self.headers, content))
        status, answer = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a collector for as long as the context lasts."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
