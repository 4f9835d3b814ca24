"""Serve answers over real HTTP/1.1 on loopback, one thread for each connection."""

import socket
import threading
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from costmon.demo.answer import Answer, Request

Respond = Callable[[Request], Answer | None]

# How often the accepting thread looks whether it shall stop: ten wake-ups a second are below
# 0.1 % of a core, and a stop takes no longer than this.
_POLL_S = 0.1
_MOST_BODY_BYTES = 65_536


class LoopbackServer:
    """An HTTP server on a free port of 127.0.0.1.

    Attributes:
        base_url: Scheme and authority; known as soon as the server exists.
    """

    def __init__(self, respond: Respond) -> None:
        """Bind, so that connections wait; nothing is answered before `start`.

        Args:
            respond: Answers a request; `None` hangs up. Runs in the connection's thread.
        """
        self._server = _Server(respond)
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": _POLL_S},
            name="demo-http",
            daemon=True,
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, close every connection and wait for their threads."""
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(TCPServer):
    request_queue_size = 128

    def __init__(self, respond: Respond) -> None:
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        super().__init__(("127.0.0.1", 0), partial(_Handler, respond))

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self._serve_connection,
            args=(request, client_address),
            name="demo-connection",
            daemon=True,
        )
        with self._lock:
            self._connections[request] = thread
        thread.start()

    def server_close(self) -> None:
        super().server_close()
        with self._lock:
            open_connections = dict(self._connections)
        for connection, thread in open_connections.items():
            _hang_up(connection)
            thread.join()

    def _serve_connection(self, request: socket.socket, client_address: tuple[str, int]) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            # The client went away, or the server is being stopped: both end a connection as well
            # as its last answer would.
            return
        finally:
            with self._lock:
                del self._connections[request]
            self.shutdown_request(request)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # its own thread was faster


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "costmon-demo"
    sys_version = ""
    # Head and body leave in one call; with Nagle's algorithm a body of several segments would wait
    # for the client's delayed acknowledgement.
    disable_nagle_algorithm = True

    def __init__(self, respond: Respond, request: Any, client_address: Any, server: Any) -> None:
        self._answer_to = respond
        super().__init__(
            request, client_address, server
        )  # answers all of the connection's requests

    def do_GET(self) -> None:
        self._respond("GET")

    def do_POST(self) -> None:
        # The simulated vendors need no body; what is longer than any of their clients' is not read.
        self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _MOST_BODY_BYTES))
        self.close_connection = True
        self._respond("POST")

    do_PUT = do_POST
    do_PATCH = do_POST
    do_DELETE = do_POST

    def log_message(self, *_: object) -> None:
        """Keep no access log: a demo polls every few seconds."""

    def _respond(self, method: str) -> None:
        target = urlsplit(self.path)
        answer = self._answer_to(
            Request(
                method=method,
                path=target.path,
                query=dict(parse_qsl(target.query, keep_blank_values=True)),
                authorization=self.headers.get("Authorization", ""),
            )
        )
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection |= answer.cut_after is not None
        self.wfile.write(answer.body[: answer.cut_after])
