"""Take frames from guards on this machine over a Unix socket, and answer each in order."""

import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import structlog

from costmon.clock import Clock
from costmon.intake.frame import FrameError, FrameTooLongError, frame, read_frame
from costmon.intake.reply import refusal
from costmon.localsocket import LocalServer, Purpose

Gone = Callable[[], bool]
Answer = Callable[[bytes, Gone], bytes]

_log = structlog.get_logger()

# The group may report: guards run as the users of their own programs.
_SOCKET = Purpose("the intake's socket", "COSTMON_REPORT_SOCKET", 0o660)
_MOST_CONNECTIONS = 64


class _Caller:
    """One connection and its thread; `quiet_since_s` is `None` while an answer is being made."""

    __slots__ = ("connection", "dismissed", "quiet_since_s", "thread")

    def __init__(self, connection: socket.socket, quiet_since_s: float) -> None:
        self.connection = connection
        self.quiet_since_s: float | None = quiet_since_s
        self.dismissed = False
        self.thread: threading.Thread | None = None

    def dismiss(self, how: int) -> None:
        """Let its thread find the end of the connection; one that has left already stays so."""
        self.dismissed = True
        try:
            self.connection.shutdown(how)
        except OSError:
            return

    def gone(self) -> bool:
        """Tell whether nobody waits for the answer any more."""
        self.connection.settimeout(0)
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True


class IntakeServer(LocalServer):
    """The guards' socket: many frames a connection, a thread for each, a bounded number of both."""

    def __init__(
        self,
        path: Path,
        answer: Answer,
        clock: Clock,
        *,
        most_connections: int = _MOST_CONNECTIONS,
        idle_s: float = 120.0,
        frame_s: float = 10.0,
        patience_s: float = 1.0,
    ) -> None:
        """Prepare; nothing is opened before `prepare`.

        Args:
            path: Where the socket is made.
            answer: Makes the answer to a frame's content; may take long, but asks now and then
                whether the waiting client has disconnected.
            clock: Measures how long a client takes.
            most_connections: Served at once. When there is another, the one that has been quiet
                longest is closed; when all are busy, the new one is refused.
            idle_s: Seconds between two frames after which a connection is ended.
            frame_s: Seconds in which a frame must come, and an answer be taken.
            patience_s: Seconds that a connection may be idle before it can be closed for a new one.
        """
        super().__init__(path, _SOCKET, "intake")
        self._answer = answer
        self._clock = clock
        self._most_connections = most_connections
        self._idle_s = idle_s
        self._frame_s = frame_s
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._callers: set[_Caller] = set()

    def close(self, deadline_s: float = 5.0) -> bool:
        """Remove the socket, accept no more frames, and wait for the answers in progress.

        Args:
            deadline_s: Seconds to wait for them; then their connections are ended.

        Returns:
            Whether every thread has ended.
        """
        if not self._stop_accepting():
            return True
        with self._lock:
            callers = tuple(self._callers)
        for caller in callers:
            # Writing stays open: an answer that is on its way still arrives.
            caller.dismiss(socket.SHUT_RD)
        until_s = self._clock.monotonic_s() + deadline_s
        for caller in callers:
            self._join(caller, until_s)
        for caller in callers:
            caller.dismiss(socket.SHUT_RDWR)
        with self._lock:
            return not self._callers

    def _join(self, caller: _Caller, until_s: float) -> None:
        if caller.thread is not None:
            caller.thread.join(max(until_s - self._clock.monotonic_s(), 0))

    def _begin(self, connection: socket.socket) -> None:
        caller = _Caller(connection, self._clock.monotonic_s())
        caller.thread = threading.Thread(
            target=self._serve, args=(caller,), name="intake-client", daemon=True
        )
        with self._lock:
            taken = self._has_room()
            if taken:
                self._callers.add(caller)
        if taken:
            caller.thread.start()
            return
        _log.warning("intake.connection_refused", most_connections=self._most_connections)
        detail = f"{self._most_connections} connections are open already; try again later"
        self._send(caller, refusal(HTTPStatus.SERVICE_UNAVAILABLE, detail))
        connection.close()

    def _has_room(self) -> bool:
        """Tell whether one more is served; the one that was quiet longest leaves for it."""
        served = [caller for caller in self._callers if not caller.dismissed]
        if len(served) < self._most_connections:
            return True
        now_s = self._clock.monotonic_s()
        quiet = [
            (caller.quiet_since_s, id(caller), caller)
            for caller in served
            if caller.quiet_since_s is not None
        ]
        since_s, _, longest = min(quiet, default=(now_s, 0, None))
        if longest is None or now_s - since_s < self._patience_s:
            return False
        longest.dismiss(socket.SHUT_RDWR)
        return True

    def _serve(self, caller: _Caller) -> None:
        try:
            while self._serve_frame(caller):
                caller.quiet_since_s = self._clock.monotonic_s()
        except Exception:  # noqa: BLE001 - what is wrong with one connection is not the others'
            _log.exception("intake.connection_failed")
        finally:
            with self._lock:
                self._callers.discard(caller)
            caller.connection.close()

    def _serve_frame(self, caller: _Caller) -> bool:
        """Answer one frame; tell whether another may come."""
        try:
            content = read_frame(
                caller.connection, idle_s=self._idle_s, whole_s=self._frame_s, clock=self._clock
            )
        except FrameTooLongError as error:
            _log.warning("intake.frame_refused", error=str(error))
            self._send(caller, refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)))
            return False
        except FrameError as error:
            _log.debug("intake.connection_ended", error=str(error))
            return False
        if content is None:
            return False
        caller.quiet_since_s = None
        return self._send(caller, self._answer(content, caller.gone))

    def _send(self, caller: _Caller, content: bytes) -> bool:
        caller.connection.settimeout(self._frame_s)
        try:
            caller.connection.sendall(frame(content))
        except OSError as error:
            _log.debug("intake.client_left", error=repr(error))
            return False
        return True
