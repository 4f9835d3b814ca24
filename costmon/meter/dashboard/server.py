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

    Each worker starts one. The worker that gets the port serves the merged figures of all; the
    others retry every 2 seconds, so one of them takes over when that worker ends. If another
    program uses the port, the next free port is used, and logged.

    A forked child has to call `start` again.
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
        """Set up the dashboard; it does not listen before `start`.

        Args:
            source: Source of figures, which also accepts control messages.
            service: Dashboards of the same service and user stand in for each other.
            port: Port on 127.0.0.1; 0: any free port; `None`: no dashboard.
            project: Projects a snapshot.
            clock: The clock.
            retry_s: Seconds between attempts while another dashboard serves.
            patience_s: Timeout for a client to send its request and to receive its response.
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
        """The state of this process's dashboard."""
        return self._state

    @property
    def url(self) -> str | None:
        """The URL of this process's dashboard; `None` if it does not serve."""
        listener = self._listener
        return None if listener is None else f"http://localhost:{listener.port}"

    def start(self) -> None:
        """Serve or stand by, in a thread; idempotent in the same process."""
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
            # In an empty context, so that this thread is not attributed to the current request.
            contextvars.Context().run(self._thread.start)

    def stop(self) -> None:
        """End the thread and release the port."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stopping.set()
            listener = self._listener
        if listener is not None:
            listener.stop()
        if thread is not None:
            thread.join(_END_S)

    def wait(self, state: State, timeout_s: float) -> bool:
        """Wait until the dashboard is in `state`; return whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._state == state, timeout_s)

    def abandon(self) -> None:
        """Discard the parent's thread and sockets, in a forked child."""
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
        except Exception:  # noqa: BLE001 - logged; must not affect the application
            # An error must not affect the application, so only this thread ends.
            log().exception("the meter's dashboard stopped unexpectedly")
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
        """Return a listener; `None` if another dashboard serves, or no port is free."""
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
            log().warning("the meter's dashboard found no free port from %d on; retrying", first)
        self._first = self._port
        return None

    def _passes(self, port: int, error: OSError) -> bool:
        """Return whether to try the next port; false if a dashboard of ours has this one."""
        if error.errno != errno.EADDRINUSE:
            self._warn(port, f"cannot listen on port {port}: {error.strerror}")
            return True
        found = port_owner(port, self._identity(), self._patience_s)
        if found == "same":
            self._first = port
            self._silences = 0
            self._become("standby")
            return False
        # A dashboard of a busy application may not respond in time, and one that has just ended no
        # longer listens. So try three times before treating it as another program.
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
