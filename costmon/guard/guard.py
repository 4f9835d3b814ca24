"""A guard: reserve before a call, settle after it, refuse what does not fit."""

import random
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeVar

from costmon.clock import EpochClock, SystemClock
from costmon.domain.amount import Amount, amount_of, currency_of, nano_even, nano_up
from costmon.domain.budget import Budget, Thresholds
from costmon.domain.money import from_nano, shown_exact
from costmon.domain.scope import scope_of
from costmon.domain.window import zone_of
from costmon.errors import AmountError, BudgetError, InputError, ScopeError
from costmon.guard.calling import Calling
from costmon.guard.errors import (
    BudgetRefused,
    CallRefused,
    GuardStoreError,
    LeaseError,
    RateRefused,
)
from costmon.guard.estimates import Estimates
from costmon.guard.lease import (
    DEFAULT_TTL_S,
    NO_WAIT,
    Lease,
    checked_key,
    checked_ttl,
    checked_wait,
)
from costmon.guard.log import log
from costmon.guard.nano_cache import NanoCache
from costmon.guard.notices import Notices
from costmon.guard.policy import Route, Rules
from costmon.guard.readings import Readings
from costmon.guard.rulebook import Rulebook
from costmon.guard.ruling import Ruling
from costmon.guard.stores.base import Hold, Outdated, Plan, Refusal, Store
from costmon.guard.waiting import WaitingRoom

if TYPE_CHECKING:
    from costmon.guard.failover import FailoverStore, WhenStoreFails
    from costmon.guard.link.link import Link
    from costmon.guard.periodic import PeriodicTask
    from costmon.guard.reported import Reported

Scopes = str | Iterable[str]
EstimateMode = Literal["strict", "adaptive"]

_EXTRA: ContextVar[tuple[str, ...]] = ContextVar("costmon.guard.scopes", default=())
_scoped = False
_MOST_ROUTES = 4096
_MOST_RELOADS = 20
_LONGEST_ACTIVITY = 60
_LONGEST_APP = 60
_HOUR_S = 3600.0
_MOST_SCOPES = 30
_FIRST_POLICY_S = 1.0
"""How long the first call waits at most for the service's circuits, which may be open."""

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
_Abandoned = tuple[Lease, Amount | None, dict[str, Any]]


class _Request(NamedTuple):
    """What `reserve` was asked for."""

    scopes: "Scopes"
    activity: str
    nano: int
    ttl: float
    key: str | None


class Guard(Readings, Ruling, Calling):
    """Budgets in front of outbound calls; any thread may use it.

    What is promised: in `strict` mode with true worst cases, what is spent and held never passes a
    limit, whatever threads, processes and crashes do; a lease that nobody ends is charged at its
    estimate after its time to live. Calls that cost more than their estimate are charged in full:
    the overshoot is at most the sum over calls in flight of max(0, actual - estimate). Premium
    scopes are warned, never refused for money.

    Args:
        store: `memory://`, `sqlite:///path`, `postgresql://...`, `redis://...`, or a `Store`.
        budgets: Limits; a pattern such as `host:*` is the default that a closer one replaces.
        thresholds: For budgets without levels of their own.
        service: Where a costmon runs that is reported to and whose circuits and budgets are obeyed:
            `http://127.0.0.1:8090`, `https://...` or `unix:/path/report.sock`; `None`: alone.
        token: The service's `COSTMON_API_TOKEN`, if it has one.
        currency: ISO 4217, of all amounts.
        zone: IANA name; where calendar hours, days and months begin.
        estimates: `strict` holds worst cases, `adaptive` what calls like it needed lately.
        when_store_fails: `fail_closed`, `fail_open_with_cap` (then give `cap`), `fail_open`.
        cap: Major units that may be spent without the store each time it is away.
        slab: Share of what remains that this process takes at a time and then spends without
            asking the store, such as `"0.01"`; `None` asks it for every call.
        app: What this program is called in reports; its file's name by default.
        spool: A directory for reports that the service could not take; `None` keeps them in memory.
        clock: Tells the time.
        rng: Makes jitter.

    Attributes:
        currency: ISO 4217.
        store: Where it counts.
        spends: Nano-units of amounts that were spent.
        busy: Whether somebody must be told when a lease ends.

    Raises:
        InputError: An argument cannot be used.
        GuardStoreError: The store's URL or driver cannot be used; nothing is connected yet.
    """

    def __init__(
        self,
        store: str | Store = "memory://",
        budgets: Iterable[Budget] = (),
        *,
        thresholds: Thresholds | None = None,
        service: str | None = None,
        token: str | None = None,
        currency: str = "USD",
        zone: str = "UTC",
        estimates: EstimateMode = "strict",
        when_store_fails: "WhenStoreFails" = "fail_closed",
        cap: Amount | None = None,
        slab: Amount | None = None,
        app: str | None = None,
        spool: str | None = None,
        clock: EpochClock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__()
        self.clock = clock or SystemClock()
        self.rng = rng or random.Random()
        self.currency = currency_of(currency)
        self.app = _program() if app is None else app
        if not 0 < len(self.app) <= _LONGEST_APP or not self.app.isprintable():
            raise InputError(f"app={app!r}: give a name of at most {_LONGEST_APP} characters")
        if estimates not in {"strict", "adaptive"}:
            raise BudgetError(f"estimates={estimates!r}: use strict or adaptive")
        self._epoch_s = self.clock.epoch_s
        self._estimates = Estimates() if estimates == "adaptive" else None
        self._notices = Notices(self.clock)
        self._remember = self._notices.remember
        self._tallies = self._notices.tallies(BudgetRefused.reason)
        self.spends = NanoCache(nano_even)
        self._holds = NanoCache(nano_up)
        self._routes: dict[object, Route] = {}
        self._waiting: WaitingRoom[Hold] = WaitingRoom(self.clock)
        self.busy = self._estimates is not None
        self._attentive = self._asked = False
        self._look_after_health_s = self.clock.monotonic_s() + _HOUR_S
        self._failover: FailoverStore | None = None
        self.store = self._opened(store, when_store_fails, cap, slab)
        self._rulebook = Rulebook(
            self.store,
            budgets,
            thresholds or Thresholds(),
            zone=zone_of(zone),
            currency=self.currency,
            clock=self.clock,
            changed=self._forget_routes,
        )
        self._abandoned: deque[_Abandoned] = deque()
        self._keeper: PeriodicTask | None = None
        if slab is not None:
            from costmon.guard import periodic

            self._keeper = periodic.PeriodicTask(self.sweep, self._chore_failed)
        self._reported: Reported | None = None
        self._link = None if service is None else self._linked(service, token, spool)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Guard on {self.store} in {self.currency}>"

    def reserve(  # noqa: C901, PLR0912 - the way that every call takes: a function more is 5 % more
        self,
        scopes: Scopes,
        amount: Amount,
        *,
        ttl: float = DEFAULT_TTL_S,
        key: str | None = None,
        activity: str = "call",
        wait: float = NO_WAIT,
        currency: str | None = None,
    ) -> Lease:
        """Hold an estimate for a call that is about to be made, on all of its scopes or on none.

        The chain also has `global`, the vendor of each known host, and what `scoped` added.

        Args:
            scopes: One or several; see `costmon.domain.scope`.
            amount: What the call can cost at most (rounded up to a nano-unit), major units.
            ttl: Seconds after which it is charged although nobody settled it.
            key: Names the call: a second `reserve` with it returns the same lease, whatever its
                state, for a day after it was over. Check `state` before calling.
            activity: What kind of call it is, for the records.
            wait: Seconds to wait for room before the call is refused.
            currency: ISO 4217; must be the guard's when given.

        Raises:
            CallRefused: It does not fit, or may not be made; nothing is held.
            GuardStoreError: The store failed, and the guard may not go on without it.
            InputError: An argument cannot be used.
        """
        at_s = self._epoch_s()
        try:
            nano = self._holds[amount]  # type: ignore[index]  # whatever it is, `NanoCache` says so
            route = self._routes[scopes]
        except (KeyError, TypeError):
            nano = self._holds[amount] if isinstance(amount, str) else self._holds.of(amount)
            route = self._route(scopes, activity, at_s)
        else:
            if _scoped or activity != "call" or not route.since <= at_s < route.until:
                route = self._route(scopes, activity, at_s)
        if ttl is not DEFAULT_TTL_S:
            checked_ttl(ttl)
        if wait is not NO_WAIT:
            checked_wait(wait)
        if key is not None:
            checked_key(key)
        if currency is not None and currency_of(currency) != self.currency:
            raise AmountError(currency, f"an amount in {self.currency}, which this guard counts")
        if self._attentive:
            route = self._attend(scopes, activity, route)
        if route.obstacle is not None:
            route = self._looked_again(scopes, activity, at_s)
        if self._estimates is not None:
            return self._reserve_adaptive(scopes, nano, route, ttl, key, wait)
        found = self.store.reserve(route.plan, nano, ttl, key)
        if found.__class__ is Refusal and wait <= 0:
            line = found.line
            tally = self._tallies.get(line.scope)
            if line.fixed is not None or tally is None or at_s >= tally.quiet_until_s:
                raise self._turned_away(found, nano, at_s)
            # What `_turned_away` does, in a third of its time.
            tally.tick()
            refused = BudgetRefused(found, nano, self.currency, at_s)
            self._remember((at_s, BudgetRefused, refused.args))
            raise refused
        if not isinstance(found, Hold):
            found = self._again(found, _Request(scopes, activity, nano, ttl, key), route, wait)
        if found.warned:
            self._warn(found)
        return Lease(self, found)

    async def areserve(self, scopes: Scopes, amount: Amount, **options: Any) -> Lease:
        """Do as `reserve` does, and let other tasks run while it waits for room.

        It looks again and again whether there is room, so that no thread waits; unlike in `reserve`
        the order of those who wait is not kept.
        """
        from costmon.guard.async_wait import wait_for_room

        deadline_s = self.clock.monotonic_s() + options.pop("wait", 0.0)
        while True:
            try:
                return self.reserve(scopes, amount, **options)
            except (BudgetRefused, RateRefused) as refused:
                if not await wait_for_room(self, refused, deadline_s):
                    raise

    def lease(self, id: str) -> Lease:
        """Return a lease by its id, to end it from elsewhere; its key will not do.

        Raises:
            LeaseError: It is unknown, or was over and is forgotten.
            GuardStoreError: The store failed.
        """
        hold = self.store.find(id)
        if hold is None:
            raise LeaseError(id, "there is none of that id, or it was over and is forgotten")
        return Lease(self, hold)

    @contextmanager
    def scoped(self, *scopes: str) -> Iterator[None]:
        """Add scopes to every call inside the `with` block, of any guard, in this context.

        Raises:
            ScopeError: One is none.
        """
        global _scoped  # noqa: PLW0603 - set once, so that who never does this need not look
        _scoped = True
        checked = tuple(scope_of(scope) for scope in scopes)
        before = _EXTRA.set((*_EXTRA.get(), *checked))
        try:
            yield
        finally:
            _EXTRA.reset(before)

    def reset(self, scope: str, period: str | None = None) -> Decimal:
        """Forget what a scope has spent in the present window; return what it was.

        What is held stays. Usage rows stay, too: they say what happened.
        """
        forgotten = self._usage_reader.reset(scope, period)
        self._waiting.poke()
        return forgotten

    def _linked(self, service: str, token: str | None, spool: str | None) -> "Link":
        from costmon.guard.link.link import Link
        from costmon.guard.reported import Reported

        self._reported = Reported(self, lambda: self._usage_reader, self._rulebook, self._notices)
        link = Link(
            self._reported, service, token=token, spool=spool, clock=self.clock, rng=self.rng
        )
        self._attentive = self.busy = True
        link.touch()
        return link

    def _attend(self, scopes: Scopes, activity: str, route: Route) -> Route:
        """Do what some guards must before a call: know the circuits, settle what was abandoned."""
        self._settle_abandoned()
        if self._link is None:
            self._attentive = False
            return route
        self._link.touch()
        if self._rulebook.policy is None and not self._asked:
            self._asked = True
            if self._link.first_policy(_FIRST_POLICY_S):
                return self._route(scopes, activity, self._epoch_s())
        return route

    def _settle_abandoned(self) -> None:
        while self._abandoned:
            try:
                lease, actual, outcome = self._abandoned.popleft()
            except IndexError:
                return  # another thread was quicker
            lease.settle(actual, **outcome)

    def _chore_failed(self, error: Exception) -> None:
        log().warning("the guard's periodic task failed: %s", error)

    def sweep(self) -> int:
        """Charge leases whose time is over at their estimate; return how many.

        It is done before any figure is read, and makes no difference to what is refused.
        """
        self._settle_abandoned()
        now_s = self.clock.monotonic_s()
        if self._health is not None and now_s >= self._look_after_health_s:
            self._look_after_health_s = now_s + _HOUR_S
            self._health.sweep()
        expired = self.store.sweep()
        if expired:
            self._notices.tell(
                "expired",
                "global",
                f"{expired} calls were never settled: they are charged at their estimates, until"
                " the truth is known",
            )
        return expired

    def abandon(self, lease: Lease, actual: Amount | None = None, **outcome: Any) -> None:
        """Settle a lease soon, from a place that must not wait: a finalizer or a signal handler.

        Those may run in the middle of anything, a step of the store included. It is settled before
        the next call and before any figure is read.
        """
        self._abandoned.append((lease, actual, outcome))
        self._attentive = True

    def close(self) -> None:
        """End its threads, tell the service and the store what they are owed, and close them."""
        self._settle_abandoned()
        if self._health is not None:
            self._health.flush()
        if self._keeper is not None:
            self._keeper.stop()
        if self._link is not None:
            self._link.close()
        self.store.close()

    def ended(self, hold: Hold, nano: int | None, upper: int | None) -> None:
        """Note that a lease ended at `nano`, `None` when it was released: room may be free."""
        if self._estimates is not None and nano is not None and upper is not None:
            self._estimates.learn(hold, nano, upper)
        if len(self._waiting):
            self._waiting.poke()
        if self._link is not None:
            self._link.touch()

    def _reserver(self) -> Self:
        return self

    def _route(self, scopes: Scopes, activity: str, at_s: float) -> Route:
        """Look up or make the route of a chain, and remember it under what was asked."""
        extra = _EXTRA.get()
        try:
            given = (scopes,) if isinstance(scopes, str) else tuple(scopes)
            hash((given, activity))
        except TypeError:
            what = type(scopes).__name__
            raise ScopeError(what, "one scope or several texts, such as 'global'") from None
        name: object = scopes
        if extra or activity != "call" or not isinstance(scopes, str | tuple):
            name = (None, given, extra, activity)
            known = self._routes.get(name)
            if known is not None and known.since <= at_s < known.until:
                return known
        if not given:
            raise ScopeError("", "at least one scope, such as 'global'")
        named: object = activity
        if (
            not isinstance(named, str)
            or not 0 < len(named) <= _LONGEST_ACTIVITY
            or not named.isprintable()
        ):
            raise ScopeError(repr(activity), "an activity such as 'http_request'")
        if len(given) + len(extra) > _MOST_SCOPES:
            raise ScopeError(
                f"{len(given) + len(extra)} scopes", f"at most {_MOST_SCOPES} at a time"
            )
        if len(self._routes) >= _MOST_ROUTES:
            self._routes = {}
        # What is forgotten while the rules are read must not come back by them.
        routes = self._routes
        route = self._rules().route([*map(scope_of, given), *extra], activity, at_s)
        routes[name] = route
        return route

    def _rules(self) -> Rules:
        try:
            return self._rulebook.rules()
        except GuardStoreError:
            if self._failover is None or not self._failover.open:
                raise
            return self._rulebook.without_store()

    def _looked_again(self, scopes: Scopes, activity: str, at_s: float) -> Route:
        """Refuse what may not be called, unless another guard has changed that meanwhile."""
        self._rulebook.fresh()
        route = self._route(scopes, activity, at_s)
        if route.obstacle is not None:
            raise self._noted(route.obstacle(at_s), at_s)
        return route

    def _reserve_adaptive(
        self,
        scopes: Scopes,
        upper: int,
        route: Route,
        ttl: float,
        key: str | None,
        wait: float,
    ) -> Lease:
        """Hold what calls like this one needed lately, at most `upper`."""
        nano = upper if self._estimates is None else self._estimates.of(route.plan, upper)
        found = self.store.reserve(route.plan, nano, ttl, key)
        if not isinstance(found, Hold):
            request = _Request(scopes, route.plan.activity, nano, ttl, key)
            found = self._again(found, request, route, wait)
        if found.warned:
            self._warn(found)
        return Lease(self, found, upper)

    def _again(
        self, found: Hold | Refusal | Outdated, request: _Request, route: Route, wait: float
    ) -> Hold:
        """Try again with newer settings, with a smaller estimate, or later; or refuse."""
        for _ in range(_MOST_RELOADS):
            if isinstance(found, Hold):
                return found
            at_s = self._epoch_s()
            if isinstance(found, Outdated):
                self._rulebook.reload()
                self._forget_routes()
                route = self._route(request.scopes, request.activity, at_s)
                if route.obstacle is not None:
                    raise self._noted(route.obstacle(at_s), at_s)
                found = self.store.reserve(route.plan, request.nano, request.ttl, request.key)
                continue
            nano = self._estimates.squeezed(found) if self._estimates is not None else None
            if nano is not None and nano < request.nano:
                request = request._replace(nano=nano)
                found = self.store.reserve(route.plan, nano, request.ttl, request.key)
                continue
            if wait > 0:
                patient = self._wait(request, route, wait)
                if patient is not None:
                    return patient
            raise self._turned_away(found, request.nano, at_s)
        raise GuardStoreError(str(self.store), "reserve", "its settings change all the time")

    def _wait(self, request: _Request, route: Route, wait: float) -> Hold | None:
        extra = _EXTRA.get()

        def attempt() -> Hold | None:
            with self.scoped(*extra):
                at_s = self._epoch_s()
                route = self._route(request.scopes, request.activity, at_s)
                if route.obstacle is not None:
                    raise self._noted(route.obstacle(at_s), at_s)
                found = self.store.reserve(route.plan, request.nano, request.ttl, request.key)
                if isinstance(found, Outdated):
                    self._rulebook.reload()
                    self._forget_routes()
                return found if isinstance(found, Hold) else None

        self.busy = True
        return self._waiting.wait(attempt, premium=route.premium, timeout_s=wait)

    def _turned_away(self, refusal: Refusal, nano: int, at_s: float) -> CallRefused:
        line = refusal.line
        if line.fixed is None:
            return self._noted(BudgetRefused(refusal, nano, self.currency, at_s), at_s)
        after_s = None if line.resets_at is None else max(0.0, line.resets_at - at_s)
        return self._noted(RateRefused(line.scope, line.limit or 0, after_s), at_s)

    def _warn(self, hold: Hold) -> None:
        for line, spent, held in hold.warned:
            self._notices.tell(
                "warn",
                line.scope,
                f"the {line.period} budget of {line.scope} has reached"
                f" {shown_exact(from_nano(spent + held))} {self.currency}, and warns from"
                f" {shown_exact(from_nano(line.warn or 0))} on",
                once=("warn", line.scope, line.period, line.bucket, line.warn),
            )

    def _forget_routes(self) -> None:
        self._routes = {}

    def _opened(
        self, store: str | Store, when: "WhenStoreFails", cap: Amount | None, slab: Amount | None
    ) -> Store:
        """Return the store with what was asked for around it; memory cannot fail."""
        if isinstance(store, str):
            from costmon.guard.stores import open_store

            store = open_store(store, clock=self.clock, rng=self.rng)
        opened = store
        if slab is not None:
            from costmon.guard.stores.slab import SlabStore

            opened = SlabStore(
                opened, share=amount_of(slab), clock=self.clock, replan=self._replanned
            )
        if not opened.shared and when == "fail_closed" and cap is None:
            return opened
        from costmon.guard.failover import FailoverStore

        self._failover = FailoverStore(
            opened,
            when=when,
            cap=cap,
            replan=self._replanned,
            clock=self.clock,
            notices=self._notices,
        )
        return self._failover

    def _replanned(self, plan: Plan) -> Plan:
        return self._rulebook.reload().renewed(plan, self._epoch_s())


def _program() -> str:
    """Return the name of the file that was started."""
    name = sys.argv[0].rpartition("/")[2][:_LONGEST_APP]
    return name if name.isprintable() and name else "python"
