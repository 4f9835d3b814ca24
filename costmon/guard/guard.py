"""The guard: reserve before a call, settle after it, refuse calls that exceed a budget."""

import random
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
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
from costmon.guard.route_cache import RouteCache
from costmon.guard.rulebook import Rulebook
from costmon.guard.ruling import Ruling
from costmon.guard.scoped import SCOPES, follow_threads, only
from costmon.guard.stores.base import Hold, Outdated, Plan, Refusal, Store
from costmon.guard.waiting import WaitingRoom

if TYPE_CHECKING:
    from costmon.guard.failover import FailoverStore, WhenStoreFails
    from costmon.guard.link.link import Link
    from costmon.guard.periodic import PeriodicTask
    from costmon.guard.reported import Reported

Scopes = str | Iterable[str]
EstimateMode = Literal["strict", "adaptive"]

_new = object.__new__
_scoped = False
_MOST_RELOADS = 20
_LONGEST_ACTIVITY = 60
_LONGEST_APP = 60
_HOUR_S = 3600.0
_MOST_SCOPES = 30
_FIRST_POLICY_S = 1.0
"""The longest time that the first call waits for the service's circuits, which may be open."""

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
_Abandoned = tuple[Lease, Amount | None, dict[str, Any]]


class _Request(NamedTuple):
    """The arguments of `reserve`."""

    scopes: "Scopes"
    activity: str
    nano: int
    ttl: float
    key: str | None


class Guard(Readings, Ruling, Calling):
    """Budgets in front of outbound calls; any thread may use it.

    Guarantees: in `strict` mode, if no call costs more than its estimate, spent plus held never
    exceeds a limit, across threads, processes and crashes; a lease that is never settled is
    charged at its estimate after its time to live. Calls that cost more than their estimate are
    charged in full: the overshoot is at most the sum over calls in flight of max(0, actual -
    estimate). Premium scopes cause warnings, and are never refused for a budget.

    Args:
        store: `memory://`, `sqlite:///path`, `postgresql://...`, `redis://...`, or a `Store`.
        budgets: Limits; a pattern such as `host:*` applies where no more specific budget does.
        thresholds: For budgets without thresholds of their own.
        service: Address of a costmon service to report to, whose circuits and budgets are obeyed:
            `http://127.0.0.1:8090`, `https://...` or `unix:/path/report.sock`; `None`: none.
        token: The service's `COSTMON_API_TOKEN`, if it has one.
        currency: ISO 4217, of all amounts. A store counts in the currency of its first guard.
        zone: IANA time zone in which calendar hours, days and months begin.
        estimates: `strict` holds worst cases, `adaptive` what similar calls needed recently.
        when_store_fails: `fail_closed`, `fail_open_with_cap` (requires `cap`) or `fail_open`.
        cap: Major units that may be spent each time the store is unavailable.
        slab: Share of the remaining budget that this process reserves at a time and then spends
            without asking the store, such as `"0.01"`; `None`: every call asks the store.
        quarantine: Whether hosts that keep failing are not called for a while.
        app: Name of this program in reports (default: its file's name).
        spool: A directory for reports that the service has not accepted; `None`: they are kept in
            memory.
        clock: Source of time.
        rng: Source of jitter.

    Attributes:
        currency: ISO 4217.
        store: The store of its counters.
        spends: Converts actual costs to nano-units.
        busy: Whether the end of a lease must be signalled to other parts of the guard.

    Raises:
        InputError: An argument cannot be used.
        GuardStoreError: The store's URL or driver cannot be used. The store is not contacted yet.
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
        quarantine: bool = True,
        app: str | None = None,
        spool: str | None = None,
        clock: EpochClock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(judges_hosts=quarantine)
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
        self._routes = RouteCache()
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

    def reserve(  # noqa: C901, PLR0912 - the path of every call: another function call costs 5 %
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

        `global`, the vendor of each known host, and the scopes of `scoped` are added.

        Args:
            scopes: One or several; see `costmon.domain.scope`.
            amount: The most that the call can cost, major units; rounded up to a nano-unit.
            ttl: Seconds after which the lease is charged at its estimate if it was not settled.
            key: Idempotency key: a second `reserve` with it returns the same lease, whatever its
                state, until a day after it ended. Check `state` before calling.
            activity: Kind of call, for the usage rows.
            wait: Seconds to wait for budget before the call is refused.
            currency: ISO 4217; must be the guard's when given.

        Raises:
            CallRefused: The call exceeds a budget or is not allowed; nothing is held.
            CurrencyError: The store counts in another currency.
            GuardStoreError: The store failed, and the guard is not allowed to continue without it.
            InputError: An argument cannot be used.
        """
        at_s = self._epoch_s()
        try:
            nano = self._holds[amount]  # type: ignore[index]  # `NanoCache` converts or rejects any type
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
            raise AmountError(currency, f"an amount in {self.currency}, the currency of this guard")
        if self._attentive:
            route = self._attend(scopes, activity, route)
        if route.obstacle is not None:
            route = self._looked_again(scopes, activity, at_s)
        if self._estimates is not None:
            return self._reserve_adaptive(scopes, nano, route, ttl, key, wait)
        found = self.store.reserve(route.plan, nano, ttl, key)
        if found.__class__ is Hold:
            if found.warned:
                self._warn(found)
            # The same as Lease(self, found), in half the time.
            lease = _new(Lease)
            lease._guard, lease._hold, lease._upper = self, found, None  # noqa: SLF001 - for speed
            return lease
        if found.__class__ is Refusal and wait <= 0:
            line = found.line
            tally = self._tallies.get(line.scope)
            if line.fixed is not None or tally is None or at_s >= tally.quiet_until_s:
                raise self._turned_away(found, nano, at_s)
            # The same as `_turned_away`, inlined: it takes a third of the time.
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
        """Do as `reserve` does, and let other tasks run meanwhile.

        A store that other processes use is used in threads of the guard, also when the lease is
        settled or released, so that the event loop goes on while the store does not answer. While
        it waits for budget it polls; unlike in `reserve`, waiting calls are not served in order.
        """
        from costmon.guard.async_wait import wait_for_room

        threads = self.off_loop
        deadline_s = self.clock.monotonic_s() + checked_wait(options.pop("wait", NO_WAIT))
        work = partial(self.reserve, scopes, amount, **options)
        while True:
            try:
                lease = await threads.run(work, undo=Lease.release)
            except (BudgetRefused, RateRefused) as refused:
                if not await wait_for_room(self, refused, deadline_s):
                    raise
            else:
                return threads.kept(lease)

    def lease(self, id: str) -> Lease:
        """Return a lease by its id (not its key), to end it in another place.

        Raises:
            LeaseError: It is unknown, or ended too long ago.
            GuardStoreError: The store failed.
        """
        self._rulebook.recent()  # the store may count in another currency
        hold = self.store.find(id)
        if hold is None:
            raise LeaseError(id, "no lease has this id, or it ended too long ago; check the id")
        return Lease(self, hold)

    @contextmanager
    def scoped(self, *scopes: str) -> Iterator[None]:
        """Add scopes to every call inside the `with` block, of any guard, in this context.

        They follow work into asyncio tasks and into threads that are started inside the block; see
        `costmon.guard.scoped`.

        Raises:
            ScopeError: One of them is not a valid scope.
            InputError: The block ends in another context than it began.
        """
        global _scoped  # noqa: PLW0603 - set once, so that programs without `scoped` skip the look-up
        _scoped = True
        follow_threads()
        checked = tuple(scope_of(scope) for scope in scopes)
        with only((*SCOPES.get(), *checked)):
            yield

    def reset(self, scope: str, period: str | None = None) -> Decimal:
        """Set what a scope has spent in the current window to zero; return what it was.

        Held amounts and usage rows do not change.
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
        """Get the service's circuits and settle abandoned leases, before a call."""
        self._settle_abandoned()
        if self._link is None:
            self._attentive = self._off_loop is not None and self.store.shared
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
                break  # another thread was faster
            lease.settle(actual, **outcome)
        if self._off_loop is not None:
            self._off_loop.drain()

    def _chore_failed(self, error: Exception) -> None:
        log().warning("the guard's periodic task failed: %s", error)

    def sweep(self) -> int:
        """Charge expired leases at their estimates; return how many there were.

        It also happens before any figure is read, and does not affect which calls are refused.
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
                f"{expired} calls were not settled in time: they are charged at their estimates"
                " until their actual costs are settled",
            )
        return expired

    def abandon(self, lease: Lease, actual: Amount | None = None, **outcome: Any) -> None:
        """Settle a lease soon, from code that must not block: a finalizer or a signal handler.

        Such code may run at any point, also inside an operation of the store. The lease is settled
        before the next call and before any figure is read.
        """
        self._abandoned.append((lease, actual, outcome))
        self._attentive = True

    def close(self) -> None:
        """Stop the threads, send outstanding reports and charges, and close the connections."""
        self._settle_abandoned()
        if self._off_loop is not None:
            self._off_loop.close()
        if self._health is not None:
            self._health.flush()
        if self._keeper is not None:
            self._keeper.stop()
        if self._link is not None:
            self._link.close()
        self.store.close()

    def ended(self, hold: Hold, nano: int | None, upper: int | None) -> None:
        """Handle the end of a lease at `nano` (`None`: released): waiting calls may fit now."""
        if self._estimates is not None and nano is not None and upper is not None:
            self._estimates.learn(hold, nano, upper)
        if len(self._waiting):
            self._waiting.poke()
        if self._link is not None:
            self._link.touch()

    def _reserver(self) -> Self:
        return self

    def _may_block(self) -> bool:
        """Return whether a call may wait: for a store, or first of all for the service."""
        return self.store.shared or (self._link is not None and not self._asked)

    def _route(self, scopes: Scopes, activity: str, at_s: float) -> Route:
        """Look up or build the route of a chain; cache it by the caller's arguments."""
        extra = SCOPES.get()
        try:
            given = (scopes,) if isinstance(scopes, str) else tuple(scopes)
            hash((given, activity))
        except TypeError:
            what = type(scopes).__name__
            raise ScopeError(what, "a scope or several scopes as text, such as 'global'") from None
        name: object = scopes
        if extra or activity != "call" or not isinstance(scopes, str | tuple):
            name = (None, given, extra, activity)
            try:
                known = self._routes[name]
            except KeyError:
                pass
            else:
                if known.since <= at_s < known.until:
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
                f"{len(given) + len(extra)} scopes", f"at most {_MOST_SCOPES} scopes in a call"
            )
        # A cache that is cleared while the rules are read must not be filled from those rules.
        routes = self._routes
        route = self._rules().route([*map(scope_of, given), *extra], activity, at_s)
        routes.add(name, route)
        return route

    def _rules(self) -> Rules:
        try:
            return self._rulebook.rules()
        except GuardStoreError:
            if self._failover is None or not self._failover.open:
                raise
            return self._rulebook.without_store()

    def _looked_again(self, scopes: Scopes, activity: str, at_s: float) -> Route:
        """Refuse a call that is not allowed, unless another guard has just changed that."""
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
        """Hold what similar calls needed recently, at most `upper`."""
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
        detail = f"gave up after {_MOST_RELOADS} attempts: budgets kept changing; try again"
        raise GuardStoreError(str(self.store), "reserve", detail)

    def _wait(self, request: _Request, route: Route, wait: float) -> Hold | None:
        extra = SCOPES.get()

        def attempt() -> Hold | None:
            # Any waiting thread may run it, also one with scopes of its own.
            with only(extra):
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
                f" {shown_exact(from_nano(spent + held))} {self.currency}, spent and held;"
                f" its warning level is {shown_exact(from_nano(line.warn or 0))}",
                once=("warn", line.scope, line.period, line.bucket, line.warn),
            )

    def _forget_routes(self) -> None:
        self._routes = RouteCache()

    def _opened(
        self, store: str | Store, when: "WhenStoreFails", cap: Amount | None, slab: Amount | None
    ) -> Store:
        """Return the store, wrapped for failover and slabs; a memory store cannot fail."""
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
    """Return the name of the program's main file."""
    name = sys.argv[0].rpartition("/")[2][:_LONGEST_APP]
    return name if name.isprintable() and name else "python"
