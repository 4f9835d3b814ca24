"""The base of all actors: its end is always noticed, and never ends other actors.

pykka's own hooks are not enough (read and tried with 4.5): `on_failure` is not called when
`on_start` raises, a `SystemExit` there leaves `is_alive()` true for ever, and one in a handler
stops *all* actors. Hence everything that must happen at the end happens in a `finally` around the
thread.
"""

import abc
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar

import pykka
import structlog
from pykka.messages import _ActorStop
from structlog.typing import FilteringBoundLogger

from costmon.actors.address import Address
from costmon.actors.lease import Lease
from costmon.clock import Clock, Timer
from costmon.errors import SupervisionError
from costmon.messages import ChildExited, ChildStarted

M = TypeVar("M")
T = TypeVar("T")

_ERROR_LENGTH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Incarnation:
    """What the supervisor hands to one incarnation of a child.

    Attributes:
        name: The child's full name, such as `poller.digitalocean`.
        lease: Its right to the name's mailbox.
        addresses: Every child by its full name.
        clock: Tells the time.
        rng: Its own source of chance.
        notify: Tells the supervisor that it has started or ended.
    """

    name: str
    lease: Lease
    addresses: Mapping[str, Address]
    clock: Clock
    rng: random.Random
    notify: Callable[[ChildStarted | ChildExited], None]


class SupervisedActor(pykka.ThreadingActor, Generic[M]):
    """One incarnation of a supervised child, in a thread of its own.

    A subclass stores what it is given in `__init__` (which runs in the supervisor's thread), opens
    in `started`, works in `handle` and closes in `release`. Any exception but a fenced one counts
    as a crash: the child starts again and the message in hand is delivered again, so a handler has
    to be idempotent.

    Attributes:
        name: The child's full name.
        generation: Which incarnation this is, from 1.
        clock: Tells the time.
        rng: Its own source of chance.
        log: A logger that names the actor and its generation.
        timer: Asks for ticks; timers end with the incarnation.
        thread: Runs it, once launched.
        ended: Set when everything is released; the thread may have a crash to log after that.
    """

    # A hung thread cannot be killed; at least it must not keep the process from ending.
    use_daemon_thread = True

    def __init__(self, incarnation: Incarnation) -> None:
        super().__init__()
        self.name = incarnation.name
        self.generation = incarnation.lease.generation
        self.clock = incarnation.clock
        self.rng = incarnation.rng
        self.log: FilteringBoundLogger = structlog.get_logger().bind(
            actor=self.name, generation=self.generation
        )
        self.timer: Timer = incarnation.lease.timers
        self.thread: threading.Thread | None = None
        self.ended = threading.Event()
        self._lease = incarnation.lease
        self._notify = incarnation.notify
        self._failure: BaseException | None = None
        self.actor_inbox = incarnation.lease
        self.actor_ref.actor_inbox = incarnation.lease  # it copied the inbox before we had ours

    # --- for subclasses to fill in -----------------------------------------------------------

    def started(self) -> None:
        """Open what the incarnation needs, in its own thread; may raise."""

    @abc.abstractmethod
    def handle(self, message: M) -> object:
        """Handle one message; the return value answers an `ask`."""

    def release(self) -> None:
        """Close what is open, on every way out and before a successor starts.

        Must cope with a `started` that raised half-way.
        """

    # --- for subclasses to use ---------------------------------------------------------------

    def tell(self, to: Address, message: object) -> None:
        """Send a message to another actor.

        Raises:
            FencedError: This incarnation has been replaced; nothing was told.
        """
        to.tell_under(self._lease, message)

    def fenced(self, act: Callable[[], T]) -> T:
        """Run `act` unless replaced; the successor starts only when it has ended.

        `act` must be quick and must not block: swap a reference, not write to a disk.

        Raises:
            FencedError: This incarnation has been replaced; `act` did not run.
        """
        return self._lease.fenced(act)

    def beat(self) -> None:
        """Report progress within a long handler, so that it does not count as hung.

        Raises:
            FencedError: This incarnation has been replaced and must not go on.
        """
        self._lease.beat()

    def wait(self, seconds: float) -> bool:
        """Pause inside a handler, which does not count as hanging.

        Returns:
            Whether the whole time passed; `False` when the child is to drain, leave or was
            replaced, and the handler should come to its end.
        """
        return self._lease.wait(seconds)

    # --- for the supervisor ------------------------------------------------------------------

    def launch(self) -> None:
        """Register with pykka and start the thread."""
        pykka.ActorRegistry.register(self.actor_ref)
        self._start_actor_loop()

    def unregister(self) -> None:
        """Take a hung incarnation off pykka's register, or `stop_all` would wait for it."""
        pykka.ActorRegistry.unregister(self.actor_ref)

    @property
    def has_vanished(self) -> bool:
        """Whether its thread has run and is gone."""
        return self.thread is not None and not self.thread.is_alive()

    # --- pykka's extension points ------------------------------------------------------------

    def on_start(self) -> None:
        """Open, then say that messages are taken."""
        self.started()
        self._notify(ChildStarted(name=self.name, generation=self.generation))

    def _start_actor_loop(self) -> None:
        self.thread = threading.Thread(
            target=self._run, name=f"{self.name}#{self.generation}", daemon=self.use_daemon_thread
        )
        self.thread.start()

    def _handle_receive(self, message: Any) -> Any:  # noqa: ANN401 - pykka's signature
        if isinstance(message, _ActorStop):
            return super()._handle_receive(message)
        try:
            return self.handle(message)
        except Exception:
            raise
        except BaseException as error:  # pykka would stop every actor, the supervisor included
            msg = f"{describe(error)} in a handler of {self.name}"
            raise SupervisionError(msg) from error

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        del exception_type, traceback
        self._failure = self._failure or exception_value
        self.unregister()
        self.actor_stopped.set()

    def _run(self) -> None:
        try:
            self._actor_loop()
        except BaseException as error:  # noqa: BLE001 - a thread's last line of defence
            self._failure = self._failure or error
        finally:
            self._end()

    def _end(self) -> None:
        """Close everything, whatever happened, and let the supervisor know."""
        try:
            self.release()
        except BaseException:  # the notice must go out whatever a subclass does
            self.log.exception("actor.release_failed")
        self.unregister()
        self.actor_stopped.set()
        failure, self._failure = self._failure, None  # its traceback's frames hold this actor
        was_replaced = not self._lease.is_valid
        if failure is not None:
            error: str | None = describe(failure)
        elif self._lease.is_dismissed:
            error = None
        else:
            error = "stopped by something other than the supervisor"
        self.ended.set()
        self._notify(ChildExited(name=self.name, generation=self.generation, error=error))
        # Logged last: writing a traceback takes longer than it takes the successor to start.
        if was_replaced:
            self.log.info("actor.replaced_incarnation_ended", error=error)
        elif error is not None:
            self.log.error("actor.crashed", error=error, exc_info=failure)


def describe(error: BaseException) -> str:
    """Return an error's `repr`, shortened for log lines and tables."""
    try:
        text = repr(error)
    except Exception:  # noqa: BLE001 - a broken __repr__ must not hide that something broke
        text = type(error).__name__
    return text if len(text) <= _ERROR_LENGTH else f"{text[:_ERROR_LENGTH]}…"
