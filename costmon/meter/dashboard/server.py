"""The dashboard of an application, at http://localhost:7777, in a thread of one of its workers."""

import contextvars
import errno
import os
import secrets
import threading
import weakref
from typing import Literal

from costmon.clock import Clock, SystemClock
from costmon.meter.dashboard.answers import Answers, Project
from costmon.meter.dashboard.handler import HandlerContext
from costmon.meter.dashboard.listener import Listener
from costmon.meter.dashboard.port_owner import port_owner
from costmon.meter.log import log
from costmon.meter.reporting.source import Source

_MOST_PORTS = 20
_LAST_PORT = 65_535
_END_S = 5.0
_MOST_SILENCES = 2

State = Literal["off", "serving", "standby"]


class Dashboard:
    """Serves the page, or stands by while another worker of the same service does.

    Several workers start one each. Who gets the port serves the merged figures of all; the others
    try again every 2 seconds, so one of them takes over when that worker ends. A port that a
    stranger has is left to it: the next free one is taken, and the log says so.

    After a fork the child has none of it: call `start` there again.
    """

    def __init__(
        self,
        source: Source,
        *,
        service: str,
        port: int | None,
        project: Project,
        clock: Clock | None = None,
        retry_s: float = 2.0,
        patience_s: float = 5.0,
    ) -> None:
        """Prepare; nothing is listened on before `start`.

        Args:
            source: What has been measured, and whom to tell.
            service: Dashboards of the same service and user serve for each other.
            port: On 127.0.0.1; 0 takes a free one, `None` serves none.
            project: Makes money of figures.
            clock: Tells the time.
            retry_s: Between attempts while another one serves.
            patience_s: For a client to send its request, and to take its answer.
        """
        self._port = port
        self._retry_s = retry_s
        self._patience_s = patience_s
        self._clock = SystemClock() if clock is None else clock
        self._source = source
        self._project = project
        self._service = service
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._answers = Answers(self._source, self._project, self._clock)
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._listener: Listener | None = None
        self._state: State = "off"
        self._first = self._port
        self._silences = 0
        self._warned: set[int] = set()

    @property
    def state(self) -> State:
        """What this process's dashboard does."""
        return self._state

    @property
    def url(self) -> str | None:
        """Where this process serves; `None` when it does not."""
        listener = self._listener
        return None if listener is None else f"http://localhost:{listener.port}"

    def start(self) -> None:
        """Serve or stand by, in a thread; a second call in the same process does nothing."""
        if self._port is None:
            return
        with self._lock:
            if self._thread is not None:
                return
            _started.add(self)
            self._stopping = threading.Event()
            self._thread = threading.Thread(
                target=self._run, name="costmon.meter.dashboard", daemon=True
            )
            # Not for the request that happened to be first: its meter must not follow us.
            contextvars.Context().run(self._thread.start)

    def stop(self) -> None:
        """End the thread and free the port."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stopping.set()
            listener = self._listener
        if listener is not None:
            listener.stop()
        if thread is not None:
            thread.join(_END_S)

    def wait(self, state: State, timeout_s: float) -> bool:
        """Return whether the dashboard is in `state`, after waiting for it at most so long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._state == state, timeout_s)

    def abandon(self) -> None:
        """Forget, in a forked child, what only its parent has: the thread and the sockets."""
        if self._listener is not None:
            self._listener.abandon()
        self._reset()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                listener = self._taken()
                if listener is None:
                    self._stopping.wait(self._retry_s)
                else:
                    self._serve(listener)
        except Exception:  # noqa: BLE001 - logged; see below
            # A thread of ours in somebody else's process: it ends, and the application goes on.
            log().exception("the meter's dashboard ended")
        finally:
            self._become("off")

    def _serve(self, listener: Listener) -> None:
        with self._lock:
            self._listener = listener
            stopped = self._stopping.is_set()
        self._become("serving")
        log().info("the meter's dashboard is at http://localhost:%d", listener.port)
        try:
            if not stopped:
                listener.run()
            else:
                listener.stop()
                listener.run()
        finally:
            self._listener = None

    def _taken(self) -> Listener | None:
        """Return a listener; `None` while another one serves, or there is no port to have."""
        first = self._first or 0
        for port in range(first, min(first + _MOST_PORTS, _LAST_PORT + 1)):
            try:
                listener = Listener(port, self._context().serve)
            except OSError as error:
                if not self._passes(port, error):
                    return None
            else:
                self._moved(listener.port)
                return listener
        if 0 not in self._warned:
            self._warned.add(0)
            log().warning(
                "the meter's dashboard found no free port from %d on; it tries again", first
            )
        self._first = self._port
        return None

    def _passes(self, port: int, error: OSError) -> bool:
        """Return whether to try the next port; not when one of ours has this one."""
        if error.errno != errno.EADDRINUSE:
            self._warn(port, f"cannot have port {port} ({error.strerror})")
            return True
        found = port_owner(port, self._identity(), self._patience_s)
        if found == "same":
            self._first = port
            self._silences = 0
            self._become("standby")
            return False
        # One of ours whose application leaves it no time says nothing either; and nobody listens
        # any more where it has just ended. So they are asked three times.
        if found != "stranger" and self._silences < _MOST_SILENCES:
            self._silences += 1
            return False
        self._warn(port, f"port {port} is in use by another program")
        return True

    def _moved(self, port: int) -> None:
        if self._port and port != self._port and self._port in self._warned:
            log().warning("the meter's dashboard is at http://localhost:%d instead", port)

    def _warn(self, port: int, text: str) -> None:
        if port not in self._warned:
            self._warned.add(port)
            log().warning("the meter's dashboard: %s", text)

    def _context(self) -> HandlerContext:
        return HandlerContext(
            answers=self._answers,
            identity=self._identity(),
            token=secrets.token_urlsafe(24),
            clock=self._clock,
            patience_s=self._patience_s,
        )

    def _identity(self) -> dict[str, str | int]:
        return {
            "costmon": "dashboard",
            "service": self._service,
            "user": os.getuid() if hasattr(os, "getuid") else 0,
            "pid": os.getpid(),
        }

    def _become(self, state: State) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()


_started: "weakref.WeakSet[Dashboard]" = weakref.WeakSet()


def _after_fork() -> None:
    for dashboard in tuple(_started):
        dashboard.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
