"""Answer operators over a Unix socket: messages only, never code."""

import dataclasses
import os
import socket
import struct
import threading
import weakref
from collections.abc import Iterable
from pathlib import Path

import structlog

from costmon.clock import Clock
from costmon.config.user import name_of_user
from costmon.console.command import Ask, Query
from costmon.console.line import LineError, read_line
from costmon.console.protocol import decode_request, encode_answer, encode_error
from costmon.errors import ConsoleError, ConsoleRequestError, ConsoleUnavailableError
from costmon.localsocket import LocalServer, Purpose
from costmon.messages import CloseCircuit, OpenCircuit

_log = structlog.get_logger()

_SOCKET = Purpose("the console's socket", "COSTMON_STATE_DIR", 0o600)
_LONGEST_REQUEST = 4096
_MOST_CLIENTS = 16
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid of SO_PEERCRED


class ConsoleServer(LocalServer):
    """The console's socket: one request a connection, a thread for each, a few at once."""

    def __init__(
        self,
        path: Path,
        ask: Ask,
        clock: Clock,
        *,
        request_timeout_s: float = 2.0,
        most_clients: int = _MOST_CLIENTS,
        allowed_uids: Iterable[int] | None = None,
    ) -> None:
        """Prepare; nothing is opened before `start`.

        Args:
            path: Where the socket is made, best in a directory that only its owner can enter.
            ask: Brings a message to the supervisor and returns its answer, in bounded time.
            clock: Measures how long a client takes.
            request_timeout_s: Seconds in which a client must have sent its line.
            most_clients: Connections served at once; one more is told to come back.
            allowed_uids: Who is answered; by default root and the user of this process.
        """
        super().__init__(path, _SOCKET, "console")
        self._ask = ask
        self._clock = clock
        self._request_timeout_s = request_timeout_s
        self._most_clients = most_clients
        uids = (0, os.geteuid()) if allowed_uids is None else allowed_uids
        self._allowed_uids = frozenset(uids)
        self._lock = threading.Lock()
        self._clients: set[socket.socket] = set()
        self._threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()

    def close(self, deadline_s: float = 5.0) -> None:
        """Remove the socket, close all connections and wait for their threads.

        Args:
            deadline_s: Seconds to wait for a client whose question is at the supervisor.
        """
        if not self._stop_accepting():
            return
        until_s = self._clock.monotonic_s() + deadline_s
        with self._lock:
            for connection in self._clients:
                _end_reading(connection)
        for thread in list(self._threads):
            thread.join(max(until_s - self._clock.monotonic_s(), 0))

    def _begin(self, connection: socket.socket) -> None:
        thread = threading.Thread(
            target=self._serve, args=(connection,), name="console-client", daemon=True
        )
        with self._lock:
            crowded = len(self._clients) >= self._most_clients
            if not crowded:
                self._clients.add(connection)
                self._threads.add(thread)
        if crowded:
            detail = f"{self._most_clients} clients are connected already; try again later"
            self._send(connection, encode_error(ConsoleUnavailableError(detail)))
            connection.close()
            return
        thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            self._send(connection, self._answer(connection))
        finally:
            with self._lock:
                self._clients.remove(connection)
            connection.close()

    def _answer(self, connection: socket.socket) -> bytes:
        try:
            uid = self._checked_peer(connection)
            line = read_line(
                connection,
                limit=_LONGEST_REQUEST,
                timeout_s=self._request_timeout_s,
                clock=self._clock,
            )
            message = decode_request(line)
            if isinstance(message, OpenCircuit | CloseCircuit):
                message = dataclasses.replace(message, author=name_of_user(uid))
            if not isinstance(message, Query):  # which Tab asks at every press
                _log.info("console.message_received", message=repr(message))
            return encode_answer(self._ask(message))
        except ConsoleError as error:
            return encode_error(error)
        except LineError as error:
            return encode_error(ConsoleRequestError(str(error)))
        except Exception as error:  # noqa: BLE001 - the operator is told, the service lives on
            _log.warning("console.ask_failed", error=repr(error))
            detail = f"the supervisor did not answer: {error!r}"
            return encode_error(ConsoleUnavailableError(detail))

    def _checked_peer(self, connection: socket.socket) -> int:
        credentials = connection.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
        )
        _, uid, _ = _CREDENTIALS.unpack(credentials)
        if uid not in self._allowed_uids:
            _log.warning("console.peer_refused", uid=uid)
            detail = f"user {uid} may not use this console; run it as the service's user"
            raise ConsoleUnavailableError(detail)
        return int(uid)

    def _send(self, connection: socket.socket, line: bytes) -> None:
        connection.settimeout(self._request_timeout_s)
        try:
            connection.sendall(line)
        except OSError as error:
            _log.info("console.client_left", error=repr(error))


def _end_reading(connection: socket.socket) -> None:
    # Writing stays open: an answer that is on its way still arrives.
    try:
        connection.shutdown(socket.SHUT_RD)
    except OSError:
        return  # its own thread was faster
