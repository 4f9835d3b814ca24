"""Report what a guard has spent, periodically: read, send, keep what is not confirmed."""

import os
import random
import socket
from collections.abc import Callable
from typing import NamedTuple

from costmon.clock import Clock
from costmon.errors import GuardError
from costmon.guard.link.delivery import Delivery, NotTakenError
from costmon.guard.link.door import Door, DoorError
from costmon.guard.link.pace import BackOff, Pace
from costmon.guard.link.parcel import NOTHING, Name, Parcel, Present
from costmon.guard.link.presence import Presence
from costmon.guard.link.source import Identity, Source
from costmon.guard.link.spool import Leftover, Spool
from costmon.guard.link.wire import encode_report
from costmon.guard.log import log

_HOUR_S = 3600
_DEEP_HOURS = 49
"""A lease may live a day, and be settled a day later."""

_SHARE = 20
"""Reading the store's rows may take this share of the time."""

_ADOPT_S = 60.0
_CONFIRM_S = 1.0
_ASK_S = 0.2


class Wiring(NamedTuple):
    """What a reporter works with.

    Attributes:
        source: Returns the guard; `None` if it was garbage-collected.
        door: Transport to the service, for this reporter only.
        presence: Tracks whether the service answers.
        clock: The guard's, for times in reports.
        steady: The machine's monotonic clock, for pauses.
        pace: Intervals and limits.
        rng: For jitter.
        folder: Folder of the spool; `None`: no spool.
    """

    source: Callable[[], Source | None]
    door: Door
    presence: Presence
    clock: Clock
    steady: Clock
    pace: Pace
    rng: random.Random
    folder: str | os.PathLike[str] | None


class Reporter:
    """One guard's reports; `turn` and `finish` are for one thread, `touched` for any."""

    def __init__(self, wiring: Wiring) -> None:
        self.touched = False
        self.guard = os.urandom(16).hex()
        self.delivery = Delivery(wiring.door, wiring.clock, wiring.steady, wiring.pace)
        self.adopted = 0
        self._wiring = wiring
        self._back_off = BackOff(
            wiring.pace.first_back_off_s, wiring.pace.last_back_off_s, wiring.rng
        )
        self.spool: Spool | None = None
        self._parcel: Parcel | None = None
        self._former: list[tuple[Parcel, Leftover | None]] = []
        self._seen: dict[int, dict[tuple[str, str], int]] = {}
        self._noticed = 0
        self._said_given_up = self._said_fault = False
        self._closed_to_s = self._look_after_s = self._adopt_after_s = 0.0
        self._deep_at_s: float | None = None
        self._sent_at_s: float | None = None
        self._kept_at_s: float | None = None

    @property
    def given_up(self) -> int:
        """How many rows and notices were dropped, because too many were pending."""
        parcel = self._parcel
        return parcel.rows.given_up + parcel.notices.given_up if parcel else 0

    @property
    def waiting(self) -> int:
        """How many rows are not confirmed."""
        own = len(self._parcel.rows) if self._parcel else 0
        return own + sum(len(parcel.rows) for parcel, _ in tuple(self._former))

    def turn(self) -> None:
        """Read what has changed, send what is due if the service is available, spool the rest."""
        now_s = self._wiring.steady.monotonic_s()
        pace = self._wiring.pace
        source = self._wiring.source()
        touched, self.touched = self.touched, False
        beat = self._sent_at_s is None or now_s - self._sent_at_s >= pace.heartbeat_s
        if source is not None and (touched or beat) and not self._look(source, now_s):
            self.touched = True  # later
        parcel = self._parcel
        if parcel is not None and now_s >= self._closed_to_s:
            wants = touched or beat or parcel.wants(now_s)
            self._guarded(source, now_s + pace.answer_s, pace.reports, own=wants)
            if touched and self._back_off.failures:
                self.touched = True  # the current state was not sent
        self._keep(now_s)

    def finish(self, until_s: float, pause: Callable[[float], object]) -> None:
        """Send everything pending until a time of the steady clock; then `leave`.

        Args:
            until_s: Nothing is started after it.
            pause: Waits for so many seconds.
        """
        steady = self._wiring.steady
        source = self._wiring.source()
        self._look_after_s = 0.0
        self._deep_at_s = None
        if source is not None:
            self._look(source, steady.monotonic_s())
        parcel = self._parcel
        if parcel is not None:
            most = self._wiring.pace.waiting
            self._guarded(source, until_s, most, own=self.touched or not parcel.is_empty)
            # Waiting until the service has stored it is only useful with a spool.
            asked_until_s = min(until_s, steady.monotonic_s() + _CONFIRM_S)
            while (
                self.spool is not None
                and not self._back_off.failures
                and not parcel.is_empty
                and steady.monotonic_s() + _ASK_S < asked_until_s
            ):
                pause(_ASK_S)
                self._guarded(source, until_s, most, own=True)

    def leave(self) -> None:
        """Spool what is not confirmed, and release the files."""
        self._keep(None)
        for _, leftover in self._former:
            if leftover is not None:
                leftover.leave()
        if self.spool is not None:
            self.spool.close()

    def forget(self) -> None:
        """Close the parent's connections and files, in a forked child."""
        if self.spool is not None:
            self.spool.forget()
        for _, leftover in self._former:
            if leftover is not None:
                leftover.leave()

    def _look(self, source: Source, now_s: float) -> bool:
        """Add changed rows and notices; return False if that must wait."""
        if now_s < self._look_after_s:
            return False
        steady = self._wiring.steady
        try:
            parcel = self._own(source.identity())
            deep = self._deep_at_s is None or now_s - self._deep_at_s >= self._wiring.pace.deep_s
            hour = int(self._wiring.clock.now().timestamp()) // _HOUR_S * _HOUR_S
            oldest = hour - _DEEP_HOURS * _HOUR_S
            for row in source.usage(oldest if deep else hour - _HOUR_S):
                seen = self._seen.setdefault(row.hour, {})
                if seen.get((row.scope, row.activity), -1) < row.changes:
                    seen[row.scope, row.activity] = row.changes
                    parcel.count(row)
            notices = source.notices_after(self._noticed)
        except GuardError:
            return False  # the store is unavailable, which the guard itself logs
        parcel.note(notice for _, notice in notices)
        self._noticed = max([self._noticed, *(number for number, _ in notices)])
        for old in [each for each in self._seen if each < oldest]:
            del self._seen[old]
        if self.given_up and not self._said_given_up:
            self._said_given_up = True
            log().error("too many rows wait for the service: the oldest are dropped")
        if deep:
            self._deep_at_s = now_s
        ended_s = steady.monotonic_s()
        self._look_after_s = ended_s + _SHARE * (ended_s - now_s)
        return True

    def _own(self, identity: Identity) -> Parcel:
        parcel = self._parcel
        if parcel is not None and parcel.name.store == identity.store:
            return parcel
        if parcel is not None:
            # Another store has other rows. Those of the former store stay under its name, in memory
            # or
            # in the spool, where they are found like those of a dead guard.
            self._keep(None)
            if self.spool is None or not self.spool.holds:
                self._former.append((parcel, None))
            self.guard = os.urandom(16).hex()
            self._seen.clear()
        name = Name(
            self.guard,
            identity.store,
            identity.app,
            identity.currency,
            socket.gethostname() or "unknown",
            os.getpid(),
        )
        self._parcel = parcel = Parcel(name, self._wiring.pace)
        if self.spool is not None:
            self.spool.close()
        self.spool = None
        if self._wiring.folder is not None:
            self.spool = Spool(self._wiring.folder, self.guard)
        return parcel

    def _guarded(self, source: Source | None, until_s: float, most: int, *, own: bool) -> None:
        """Send, and record whether the service accepted it."""
        parcel = self._parcel
        try:
            if parcel is not None and own:
                self.delivery.hand_in(parcel, self._present(source), most, until_s)
                self._sent_at_s = self._wiring.steady.monotonic_s()
                self._took()
            if self._sent_at_s is not None:
                self._send_former(until_s, most)
        except NotTakenError as error:
            self._missed(str(error), error.retry_after_s)
        except DoorError as error:
            self._missed(str(error), None)

    def _send_former(self, until_s: float, most: int) -> None:
        now_s = self._wiring.steady.monotonic_s()
        if not self._former and self.spool is not None and now_s >= self._adopt_after_s:
            leftover = self.spool.adopt()
            if leftover is None:
                self._adopt_after_s = now_s + _ADOPT_S
            else:
                self.adopted += 1
                self._former.append((Parcel.adopted(leftover.report, self._wiring.pace), leftover))
        for parcel, leftover in tuple(self._former):
            if parcel.wants(now_s) and now_s < until_s:
                self.delivery.hand_in(parcel, NOTHING, most, until_s)
                self._took()
            if parcel.is_empty:
                self._former.remove((parcel, leftover))
                if leftover is not None:
                    log().info("sent the spooled reports of the dead guard %s", parcel.name.guard)
                    leftover.discard()

    def _took(self) -> None:
        self._back_off.worked()
        self._wiring.presence.worked("reports")

    def _missed(self, reason: str, retry_after_s: float | None) -> None:
        pause_s = self._back_off.failed(retry_after_s)
        self._closed_to_s = self._wiring.steady.monotonic_s() + pause_s
        self._wiring.presence.failed("reports", reason)

    def _keep(self, now_s: float | None) -> None:
        """Write the spool if it is due (`None`: it is), or delete it if nothing is pending."""
        parcel = self._parcel
        if parcel is None or self.spool is None:
            return
        if parcel.is_empty:
            self.spool.clear()
            self._kept_at_s = now_s
            return
        spool_s = self._wiring.pace.spool_s
        if now_s is None or self._kept_at_s is None or now_s - self._kept_at_s >= spool_s:
            body = encode_report(parcel.whole(self._wiring.clock.now()))
            self.spool.keep(body)
            self._kept_at_s = now_s

    def _present(self, source: Source | None) -> Present:
        """Return the current state; errors in it must not stop reports of spending."""
        if source is None:
            return NOTHING
        try:
            return Present(
                tuple(source.gauges()[:100]),
                tuple(source.leases(50)[:50]),
                tuple(source.refusals(20)[:20]),
                tuple(source.refused()[:200]),
            )
        except GuardError:
            return NOTHING  # the store is unavailable, which the guard itself logs
        except Exception:  # noqa: BLE001 - the outermost function of a thread in the user's process
            if not self._said_fault:
                self._said_fault = True
                log().exception("the guard's state cannot be reported; its spending is")
            return NOTHING
