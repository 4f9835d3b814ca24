"""Listen on loopback with a limited number of threads, which idle clients cannot exhaust."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable

HOST = "127.0.0.1"
MOST_CLIENTS = 32
_BACKLOG = 64
# `stop` connects to wake the accepting thread; if that fails, it checks this often.
_LOOK_EVERY_S = 1.0
_END_S = 2.0

Serve = Callable[[socket.socket, Callable[[], None]], None]
"""Handles one client, and calls its second argument when the request is complete."""


class Listener:
    """A listening socket with a thread for each client, at most 32.

    If all threads are busy, the client that has taken longest to send its request is disconnected,
    so that idle clients do not delay others.
    """

    def __init__(self, port: int, serve: Serve) -> None:
        """Bind and listen.

        Args:
            port: Port; 0: any free port.
            serve: Handles a client.

        Raises:
            OSError: Cannot listen on the port.
        """
        self._serve = serve
        self._clients: dict[socket.socket, bool] = {}
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._stopping = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            # To reuse a port that was closed just now; Linux still refuses two listeners.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((HOST, port))
            self._socket.listen(_BACKLOG)
            self._socket.settimeout(_LOOK_EVERY_S)
        except OSError:
            self._socket.close()
            raise
        self.port = int(self._socket.getsockname()[1])

    def run(self) -> None:
        """Accept clients until `stop` is called, then end their threads."""
        while not self._stopping:
            try:
                client, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:
                # Out of file descriptors, or the client is gone: pause briefly.
                if not self._stopping:
                    threading.Event().wait(0.1)
                continue
            self._welcome(client)
        self._socket.close()
        self._end()

    def stop(self) -> None:
        """Make `run` return at once; thread-safe and idempotent."""
        self._stopping = True
        with contextlib.suppress(OSError):
            socket.create_connection((HOST, self.port), timeout=_LOOK_EVERY_S).close()

    def abandon(self) -> None:
        """Close the inherited sockets in a forked child; the parent's are not affected."""
        for inherited in (self._socket, *self._clients):
            descriptor = inherited.detach()
            if descriptor >= 0:
                os.close(descriptor)

    def _welcome(self, client: socket.socket) -> None:
        if self._stopping:
            client.close()
            return
        thread = threading.Thread(
            target=self._attend, args=(client,), name="costmon.meter.dashboard.client", daemon=True
        )
        with self._lock:
            if len(self._clients) >= MOST_CLIENTS and not self._make_room():
                client.close()
                return
            self._clients[client] = True
            self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:  # no more threads available
            with self._lock:
                self._threads.discard(thread)
            self._forget(client)

    def _make_room(self) -> bool:
        for client, is_waited_for in self._clients.items():
            if is_waited_for:
                self._clients[client] = False
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)  # its thread reads end of file and ends
                return True
        return False

    def _attend(self, client: socket.socket) -> None:
        def complete() -> None:
            with self._lock:
                if client in self._clients:
                    self._clients[client] = False

        try:
            self._serve(client, complete)
        finally:
            self._forget(client)
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _forget(self, client: socket.socket) -> None:
        with self._lock:
            self._clients.pop(client, None)
        with contextlib.suppress(OSError):
            client.close()

    def _end(self) -> None:
        with self._lock:
            threads = tuple(self._threads)
            for client in self._clients:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(_END_S)
