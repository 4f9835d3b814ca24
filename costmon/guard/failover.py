"""Decide about calls while the guard's store is unavailable.

Never silently: every failure is counted and logged. What was spent without the store is charged to
it once it is available again.
"""

import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Literal, TypeVar, get_args

from costmon.clock import EpochClock
from costmon.domain.amount import Amount, nano_even
from costmon.domain.scope import GLOBAL
from costmon.errors import BudgetError
from costmon.guard.errors import CurrencyError, GuardStoreError, GuardStoreUnavailable
from costmon.guard.notices import Notices
from costmon.guard.stores.base import (
    NOTHING,
    Hold,
    LeaseRow,
    LeaseState,
    Line,
    Outcome,
    Outdated,
    Plan,
    RecordKind,
    Refusal,
    Replan,
    Settings,
    Store,
    UsageRow,
)

T = TypeVar("T")

WhenStoreFails = Literal["fail_closed", "fail_open_with_cap", "fail_open"]

_REASON = "store"
"""Reason of refusals because the store was unavailable."""

_MOST_OWED = 100_000
_RETRY_S = 1.0
_SLOW_S = 0.25
"""A store that took so long to fail is asked by one call at a time, and once a second."""
_LONGEST_TRY_S = 15.0


class _Owed:
    """A charge that the store has not received yet."""

    __slots__ = ("hold", "id", "nano", "outcome", "plan", "release")

    def __init__(self, plan: Plan, nano: int, outcome: Outcome) -> None:
        self.plan = plan
        self.nano = nano
        self.outcome = outcome
        self.id = uuid.uuid4().hex
        self.hold: Hold | None = None
        self.release = False


class FailoverStore:
    """A store that continues, as far as configured, while the inner store is unavailable.

    Args:
        inner: The store.
        when: `fail_closed` refuses every call, `fail_open_with_cap` allows calls until they have
            cost `cap` in this process, `fail_open` allows all calls.
        cap: Major units, for each outage of the store.
        replan: Converts plans of calls that were allowed by settings that have changed since.
        clock: Source of time.
        notices: Receives the notices.
    """

    def __init__(
        self,
        inner: Store,
        *,
        when: WhenStoreFails,
        cap: Amount | None,
        replan: Replan,
        clock: EpochClock,
        notices: Notices,
    ) -> None:
        if when not in get_args(WhenStoreFails):
            modes = ", ".join(get_args(WhenStoreFails))
            raise BudgetError(f"when_store_fails={when!r}: use one of {modes}")
        if (cap is not None) != (when == "fail_open_with_cap"):
            raise BudgetError("cap: give one with fail_open_with_cap, and with no other mode")
        self._inner = inner
        self.shared = inner.shared
        self._when = when
        self._cap_nano = None if cap is None else nano_even(cap)
        self._replan = replan
        self._monotonic_s = clock.monotonic_s
        self._notices = notices
        self._lock = threading.RLock()
        self._owed: deque[_Owed] = deque()
        self._away_since_s: float | None = None
        self._unproven = False
        self._asked_s = 0.0
        # Not asked before this time; `None`: it did not fail slowly.
        self._ask_after_s: float | None = None
        self._asking: int | None = None
        self._last_error: GuardStoreError | None = None
        self._local_nano = 0
        self._local: dict[Hold, float] = {}
        self._away_times = 0
        self.failures = 0
        """How often the store could not be used."""
        self.passed = 0
        """How many calls were allowed without it."""
        self.dropped = 0
        """How many charges were lost."""
        self.fault: str | None = None
        """Why it cannot be used; `None` when it can."""

    def __str__(self) -> str:
        return str(self._inner)

    def identity(self) -> str:
        """Return the store's name."""
        return self._inner.identity()

    def reserve(
        self, plan: Plan, nano: int, ttl_s: float, key: str | None = None
    ) -> Hold | Refusal | Outdated:
        """Hold in the store, or without it as far as configured."""
        if self._owed or self._away_since_s is not None:
            self._pay()
        try:
            found = self._ask(lambda: self._inner.reserve(plan, nano, ttl_s, key))
        except GuardStoreError as error:
            return self._without(plan, nano, ttl_s, key, error)
        if self._unproven and isinstance(found, Hold):
            self._returned(proven=True)
        return found

    def settle(self, hold: Hold, nano: int, outcome: Outcome = NOTHING) -> LeaseState | None:
        """Settle in the store; later, if it is unavailable."""
        if isinstance(hold, _LocalHold):
            return self._settle_local(hold, nano, outcome, release=False)
        try:
            before = self._ask(lambda: self._inner.settle(hold, nano, outcome))
        except GuardStoreError:
            return self._later(hold, nano, outcome, release=False)
        if before is None:
            self._unknown(hold)
        if self._owed:
            self._pay()
        return before

    def release(self, hold: Hold) -> LeaseState | None:
        """Release in the store; later, if it is unavailable."""
        if isinstance(hold, _LocalHold):
            return self._settle_local(hold, 0, NOTHING, release=True)
        try:
            return self._ask(lambda: self._inner.release(hold))
        except GuardStoreError:
            return self._later(hold, 0, NOTHING, release=True)

    def renew(self, hold: Hold, ttl_s: float) -> LeaseState | None:
        """Renew in the store; a lease made without the store does not expire."""
        if isinstance(hold, _LocalHold):
            return hold.state
        return self._ask(lambda: self._inner.renew(hold, ttl_s))

    def find(self, id: str) -> Hold | None:
        """Return a lease of the store."""
        return self._ask(lambda: self._inner.find(id))

    def charge(
        self,
        plan: Plan,
        nano: int,
        id: str,
        outcome: Outcome = NOTHING,
    ) -> bool | Outdated:
        """Charge without a lease."""
        return self._ask(lambda: self._inner.charge(plan, nano, id, outcome))

    def totals(self, lines: Sequence[Line]) -> list[tuple[int, int]]:
        """Return the store's totals."""
        self._pay_first()
        return self._ask(lambda: self._inner.totals(lines))

    def reset(self, line: Line) -> int:
        """Reset in the store."""
        return self._ask(lambda: self._inner.reset(line))

    def sweep(self) -> int:
        """Send outstanding charges to the store, then sweep it."""
        self._pay_first()
        expired = self._ask(self._inner.sweep)
        if self._away_since_s is not None and not self._owed:
            self._returned(proven=False)
        return expired

    def leases(self, limit: int) -> list[LeaseRow]:
        """Return the store's held leases."""
        self._pay_first()
        return self._ask(lambda: self._inner.leases(limit))

    def usage(self, since: int, until: int, scope: str | None = None) -> list[UsageRow]:
        """Return the store's rows."""
        self._pay_first()
        return self._ask(lambda: self._inner.usage(since, until, scope))

    def settings(self) -> Settings:
        """Return the store's settings."""
        return self._ask(self._inner.settings)

    def read(self, kind: RecordKind, key: str) -> str | None:
        """Return a record of the store."""
        return self._ask(lambda: self._inner.read(kind, key))

    def update(
        self, kind: RecordKind, key: str, change: Callable[[str | None], str | None]
    ) -> str | None:
        """Change a record of the store."""
        return self._ask(lambda: self._inner.update(kind, key, change))

    def records(self, kind: RecordKind) -> Iterable[tuple[str, str]]:
        """Return records of the store."""
        return self._ask(lambda: self._inner.records(kind))

    def close(self) -> None:
        """Send outstanding charges to the store, if it is available, and close it."""
        self._ask_after_s = None
        self._pay(now=True)
        if self._owed:
            self._notices.tell(
                "store_lost",
                "global",
                f"{len(self._owed)} charges could not be sent to {self}; those with a lease are"
                " charged at their estimates there, the others are lost",
            )
        self._inner.close()

    @property
    def owed(self) -> int:
        """Return how many charges the store has not received yet."""
        return len(self._owed)

    @property
    def open(self) -> bool:
        """Return whether calls may pass while the store is unavailable."""
        return self._when != "fail_closed"

    def _ask(self, action: Callable[[], T]) -> T:
        """Return what the store answers.

        After a success it may still be unable to write: a full disk can be read.
        """
        if self._ask_after_s is not None:
            self._refuse_to_ask()
        begun_s = self._monotonic_s()
        try:
            found = action()
        except GuardStoreError as error:
            self._lost(error, begun_s)
            raise
        self._ask_after_s = None
        return found

    def _without(
        self, plan: Plan, nano: int, ttl_s: float, key: str | None, error: GuardStoreError
    ) -> Hold:
        """Decide without the store; raise if that is not allowed."""
        if self._when == "fail_closed":
            self._notices.count(_REASON, GLOBAL)
            raise error
        with self._lock:
            room = None if self._cap_nano is None else self._cap_nano - self._local_nano
            if room is not None and nano > room:
                self._notices.count(_REASON, GLOBAL)
                raise GuardStoreUnavailable(
                    str(self),
                    "hold an amount",
                    f"{error.detail}; the cap for calls without it is used up",
                ) from error
            self._local_nano += nano
            due_s = self._monotonic_s() + ttl_s
            hold = _LocalHold(f"local-{uuid.uuid4().hex}", plan, nano, ttl_s, key, due_s)
            self._local[hold] = due_s
            self.passed += 1
            return hold

    def _settle_local(
        self, hold: "_LocalHold", nano: int, outcome: Outcome, *, release: bool
    ) -> LeaseState | None:
        with self._lock:
            before = hold.state
            if before == "held":
                del self._local[hold]
                self._local_nano += nano - hold.nano
                if not release:
                    self._owe(_Owed(hold.plan, nano, outcome))
            elif before == "expired" and nano > hold.nano:
                # The estimate has been charged; a lower actual cost is not sent to the store.
                self._local_nano += nano - hold.nano
                self._owe(_Owed(hold.plan, nano - hold.nano, outcome._replace(failed=False)))
            elif before != "expired":
                return before
            hold.state = "released" if release else "settled"
            return before

    def _later(
        self, hold: Hold, nano: int, outcome: Outcome, *, release: bool
    ) -> LeaseState | None:
        with self._lock:
            before = hold.state
            if before in {"held", "expired"}:
                hold.state = "released" if release else "settled"
                owed = _Owed(hold.plan, nano, outcome)
                owed.hold, owed.release = hold, release
                self._owe(owed)
            return before

    def _owe(self, owed: _Owed) -> None:
        """Keep a charge for later; the lock is held."""
        if len(self._owed) >= _MOST_OWED:
            self._notices.tell(
                "store_lost",
                "global",
                f"{self} has been unavailable so long that more than {_MOST_OWED} charges wait: the"
                " oldest is dropped",
                once=("owed", self._away_times),
            )
            self._owed.popleft()
            self.dropped += 1
        self._owed.append(owed)

    def _expire_local(self) -> None:
        with self._lock:
            now_s = self._monotonic_s()
            for hold in [hold for hold, due_s in self._local.items() if due_s <= now_s]:
                del self._local[hold]
                hold.state = "expired"
                self._owe(_Owed(hold.plan, hold.nano, NOTHING))

    def _pay(self, *, now: bool = False) -> None:
        """Send outstanding charges to the store; once a second while it is unavailable."""
        self._expire_local()
        with self._lock:
            now_s = self._monotonic_s()
            if not self._owed or (not now and now_s - self._asked_s < _RETRY_S):
                return
            self._asked_s = now_s
        while True:
            with self._lock:
                if not self._owed:
                    break
                owed = self._owed.popleft()
            try:
                self._ask(partial(self._tell, owed))
            except (GuardStoreError, CurrencyError) as error:
                if isinstance(error, CurrencyError) or self._is_usable(error):
                    self.dropped += 1
                    self._notices.tell(
                        "store_lost",
                        "global",
                        f"a charge from the time without the store is lost: {error}",
                    )
                    continue
                with self._lock:
                    self._owed.appendleft(owed)
                return
        if self._unproven:
            self._returned(proven=True)

    def _pay_first(self) -> None:
        """Send outstanding charges before figures are read, which would be wrong without them."""
        if self._owed or self._away_since_s is not None:
            self._pay(now=True)

    def _is_usable(self, error: GuardStoreError) -> bool:
        """Return whether one charge failed, not the store as a whole."""
        if isinstance(error, GuardStoreUnavailable):
            return False
        try:
            self._inner.settings()
        except GuardStoreError:
            return False
        return True

    def _tell(self, owed: _Owed) -> None:
        if owed.hold is None:
            while isinstance(
                self._inner.charge(owed.plan, owed.nano, owed.id, owed.outcome), Outdated
            ):
                owed.plan = self._replan(owed.plan)
            return
        # The local copy has ended; the store does not know that yet.
        hold = self._inner.find(owed.hold.id)
        if hold is None:
            self._unknown(owed.hold)
        elif owed.release:
            self._inner.release(hold)
        else:
            self._inner.settle(hold, owed.nano, owed.outcome)

    def _unknown(self, hold: Hold) -> None:
        """Tell that what a call cost is lost, because its lease is."""
        self.dropped += 1
        self._notices.tell(
            "store_lost",
            "global",
            f"{self} does not know the lease {hold.id} any more, so what its call cost is not"
            " counted; was the store emptied or replaced?",
            once=("unknown lease", self._away_times),
        )

    def _refuse_to_ask(self) -> None:
        """Raise if the store failed slowly and another call is asking it, or did so recently.

        Otherwise each call would wait for seconds, and calls one after the other for minutes.
        """
        with self._lock:
            now_s, last, me = self._monotonic_s(), self._last_error, threading.get_ident()
            if self._ask_after_s is None or last is None or self._asking == me:
                return
            if now_s >= self._ask_after_s:
                self._ask_after_s = now_s + _LONGEST_TRY_S
                self._asking = me
                return
            self.failures += 1
        raise GuardStoreUnavailable(last.store, last.operation, last.detail)

    def _lost(self, error: GuardStoreError, begun_s: float) -> None:
        with self._lock:
            self.failures += 1
            self._last_error = error
            self._asking = None
            now_s = self._monotonic_s()
            self._ask_after_s = now_s + _RETRY_S if now_s - begun_s >= _SLOW_S else None
            self.fault = str(error)
            if self._away_since_s is not None:
                return
            self._away_since_s = now_s
            self._away_times += 1
            self._unproven = True
        does = {
            "fail_closed": "every call is refused",
            "fail_open_with_cap": "calls are allowed without it, up to the cap",
            "fail_open": "calls are allowed without it, and charged when it returns",
        }
        self._notices.tell("store_lost", "global", f"{error}; {does[self._when]}")

    def _returned(self, *, proven: bool) -> None:
        """End the outage; only what was written to the store begins a new cap."""
        with self._lock:
            if proven:
                self._unproven = False
                self._local_nano = 0
            if self._away_since_s is None:
                return
            away_s = self._monotonic_s() - self._away_since_s
            self._away_since_s = None
            self.fault = None
        self._notices.tell("store_returned", "global", f"{self} is back after {away_s:.1f} s")


class _LocalHold(Hold):
    """A lease that was granted while the store was unavailable."""

    __slots__ = ()
