"""A guard: reserve before a call, settle after it, refuse what does not fit."""

import datetime as dt
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from costmon.clock import EpochClock, SystemClock
from costmon.domain.amount import Amount, amount_of, currency_of, nano_even, nano_up
from costmon.domain.budget import Budget, Thresholds
from costmon.domain.money import from_nano, shown_exact
from costmon.domain.scope import scope_of
from costmon.domain.spend import LeaseNote, RefusalCount, ScopeGauge
from costmon.domain.window import zone_of
from costmon.errors import AmountError, BudgetError, ScopeError
from costmon.guard.config import ScopeConfig, Tier
from costmon.guard.diary import Diary, Subscriber
from costmon.guard.errors import (
    BudgetRefused,
    CallRefused,
    GuardStoreError,
    GuardStoreUnavailable,
    LeaseError,
    RateRefused,
)
from costmon.guard.estimates import Estimates
from costmon.guard.figures import Figures, ScopeUse
from costmon.guard.lease import DEFAULT_TTL_S, Lease, checked_ttl
from costmon.guard.numbers import Numbers
from costmon.guard.policy import Route, Rules
from costmon.guard.rulebook import Rulebook
from costmon.guard.status import Status
from costmon.guard.stores.base import Hold, Outdated, Refusal, Store, UsageRow
from costmon.guard.waiting import WaitingRoom

if TYPE_CHECKING:
    from costmon.guard.failover import FailoverStore, WhenStoreFails
    from costmon.guard.housekeeping import Housekeeper
    from costmon.guard.link.link import Link

Scopes = str | Iterable[str]
EstimateMode = Literal["strict", "adaptive"]

_EXTRA: ContextVar[tuple[str, ...]] = ContextVar("costmon.guard.scopes", default=())
_scoped = False
_MOST_ROUTES = 4096
_MOST_RELOADS = 20
_LONGEST_ACTIVITY = 60


class _Request(NamedTuple):
    """What `reserve` was asked for."""

    scopes: "Scopes"
    activity: str
    nano: int
    ttl: float
    key: str | None


class Guard:
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

    def __init__(  # noqa: PLR0913 - each is documented above, and all but two are by keyword
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
        self.clock = clock or SystemClock()
        self.rng = rng or random.Random()  # noqa: S311 - jitter, nothing secret
        self.currency = currency_of(currency)
        self.app = app
        if estimates not in {"strict", "adaptive"}:
            raise BudgetError(f"estimates={estimates!r}: use strict or adaptive")
        self._epoch_s = self.clock.epoch_s
        self._estimates = Estimates() if estimates == "adaptive" else None
        self._diary = Diary(self.clock)
        self._remember = self._diary.remember
        self._tallies = self._diary.tallies(BudgetRefused.reason)
        self.spends = Numbers(nano_even)
        self._holds = Numbers(nano_up)
        self._routes: dict[object, Route] = {}
        self._waiting: WaitingRoom[Hold] = WaitingRoom(self.clock)
        self.busy = self._estimates is not None
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
        self._figures = Figures(self.store, self._rulebook, self.clock)
        self._service_fault: str | None = None
        self._keeper: Housekeeper | None = None
        self._link: Link | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Guard on {self.store} in {self.currency}>"

    def reserve(  # noqa: PLR0913 - all but two are by keyword and rarely given
        self,
        scopes: Scopes,
        amount: Amount,
        *,
        ttl: float = DEFAULT_TTL_S,
        key: str | None = None,
        activity: str = "call",
        wait: float = 0.0,
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
            nano = self._holds[amount]  # type: ignore[index]  # whatever it is, `Numbers` says so
            route = self._routes[scopes]
        except (KeyError, TypeError):
            nano = self._holds.of(amount)
            route = self._route(scopes, activity, at_s)
        else:
            if _scoped or activity != "call" or not route.since <= at_s < route.until:
                route = self._route(scopes, activity, at_s)
        if ttl is not DEFAULT_TTL_S:
            checked_ttl(ttl)
        if currency is not None and currency != self.currency:
            raise AmountError(currency, f"an amount in {self.currency}, which this guard counts")
        if route.obstacle is not None:
            raise self._noted(route.obstacle(at_s), at_s)
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

    def lease(self, id: str) -> Lease:  # noqa: A002 - it is one
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

    def spent(self, scope: str, period: str | None = None) -> Decimal:
        """Return what a scope has spent in the present window, major units.

        Args:
            scope: No pattern.
            period: `None` for that of its first budget, or `month` without one.

        Raises:
            InputError: An argument cannot be used.
            GuardStoreError: The store failed.
        """
        return from_nano(self._figures.counter(scope, period)[1])

    def held(self, scope: str, period: str | None = None) -> Decimal:
        """Return what calls in flight hold of a scope's present window; see `spent`."""
        return from_nano(self._figures.counter(scope, period)[2])

    def remaining(self, scope: str, period: str | None = None) -> Decimal | None:
        """Return what may still be spent and held, at least 0; `None` without a limit.

        That is after the block threshold and the tier's share, not below 0 after an overshoot.
        """
        limit, spent, held = self._figures.counter(scope, period)
        return (
            None if limit.effective is None else from_nano(max(0, limit.effective - spent - held))
        )

    def budgets(self) -> tuple[Budget, ...]:
        """Return the budgets that hold now, of the program, the store and the service."""
        return tuple(self._rulebook.rules().budgets.values())

    def set_budget(self, budget: Budget) -> None:
        """Set a budget for all guards on the store, with their next call.

        It replaces the one of the same scope and period; what was spent before counts.

        Raises:
            AmountError: It is in another currency.
            GuardStoreError: The store failed.
        """
        self._rulebook.set_budget(budget)

    def remove_budget(self, scope: str, period: str = "month") -> None:
        """Remove a budget for all guards on the store; the service's stays."""
        self._rulebook.remove_budget(scope, period)

    def set_thresholds(self, thresholds: Thresholds) -> None:
        """Set when budgets without levels of their own warn and refuse, for all on the store."""
        self._rulebook.set_thresholds(thresholds)

    def reset(self, scope: str, period: str | None = None) -> Decimal:
        """Forget what a scope has spent in the present window; return what it was.

        What is held stays. Usage rows stay, too: they say what happened.
        """
        forgotten = self._figures.reset(scope, period)
        self._waiting.poke()
        return forgotten

    def configure(
        self,
        scope: str,
        *,
        tier: Tier | None = None,
        custom_budget: Amount | None = None,
        rate_limit: int | None = None,
        retry_policy: str | None = None,
    ) -> ScopeConfig:
        """Configure a scope for all guards on the store, with their next call.

        What is not given stays as it is.

        Args:
            scope: No pattern.
            tier: `premium`, `standard`, `limited` or `blocked`.
            custom_budget: In place of the limits of its budgets, major units.
            rate_limit: Calls a minute.
            retry_policy: As text; see `costmon.guard.retries.RetryPolicy`.

        Raises:
            InputError: An argument cannot be used.
            GuardStoreError: The store failed.
        """
        return self._rulebook.configure(
            scope,
            tier=tier,
            custom_budget=custom_budget,
            rate_limit=rate_limit,
            retry_policy=retry_policy,
        )

    def unconfigure(self, scope: str) -> None:
        """Make a scope `standard` again, without own budget, rate and retry policy."""
        self._rulebook.unconfigure(scope)

    def config(self, scope: str) -> ScopeConfig | None:
        """Return what is configured about a scope; `None`: nothing, it is `standard`."""
        return self._rulebook.rules().configs.get(scope_of(scope))

    def configs(self) -> tuple[ScopeConfig, ...]:
        """Return everything that is configured, by scope."""
        configs = self._rulebook.rules().configs
        return tuple(configs[scope] for scope in sorted(configs))

    def status(self) -> Status:
        """Return how the guard stands.

        Raises:
            GuardStoreError: The store failed.
        """
        failover = self._failover
        self.sweep()
        return Status(
            store=str(self.store),
            currency=self.currency,
            scopes=self.gauges(),
            leases=self.leases(),
            refusals=self._diary.refusals(20),
            refused=self._diary.refused(),
            store_fault=failover.fault if failover else None,
            store_failures=failover.failures if failover else 0,
            passed_without_store=failover.passed if failover else 0,
            owed=failover.owed if failover else 0,
            service_fault=self._service_fault,
        )

    def gauges(self) -> tuple[ScopeGauge, ...]:
        """Return how the budgets stand that were used lately, the most used first; at most 100."""
        routes = list(self._routes.values())
        return self._figures.gauges(line for route in routes for line in route.plan.lines)

    def leases(self, limit: int = 50) -> tuple[LeaseNote, ...]:
        """Return the oldest calls in flight."""
        return self._figures.leases(limit)

    def refused(self) -> tuple[RefusalCount, ...]:
        """Return how many calls this guard has refused, by scope and reason."""
        return self._diary.refused()

    def usage(
        self, since: dt.datetime, until: dt.datetime, scope: str | None = None
    ) -> list[UsageRow]:
        """Return what was spent in the hours that begin in [since, until), oldest first.

        Each scope of a call has its own row: rows of different scopes must not be added.
        """
        return self._figures.usage(
            int(since.timestamp()),
            int(until.timestamp()),
            None if scope is None else scope_of(scope),
        )

    def top(self, count: int, since: dt.datetime, until: dt.datetime) -> tuple[ScopeUse, ...]:
        """Return the scopes that spent most in the hours that begin in [since, until)."""
        return self._figures.top(count, since, until, lambda use: (use.spent, use.requests))

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` with every `Notice` from now on, in the thread that caused it."""
        self._diary.subscribe(subscriber)

    def sweep(self) -> int:
        """Charge leases whose time is over at their estimate; return how many.

        It is done before any figure is read, and makes no difference to what is refused.
        """
        expired = self.store.sweep()
        if expired:
            self._diary.tell(
                "expired",
                "global",
                f"{expired} calls were never settled: they are charged at their estimates, until"
                " the truth is known",
            )
        return expired

    def close(self) -> None:
        """End its threads, tell the service and the store what they are owed, and close them."""
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

    def _route(self, scopes: Scopes, activity: str, at_s: float) -> Route:
        """Look up or make the route of a chain, and remember it under what was asked."""
        extra = _EXTRA.get()
        given = (scopes,) if isinstance(scopes, str) else tuple(scopes)
        name: object = scopes
        if extra or activity != "call" or not isinstance(scopes, str | tuple):
            name = (None, given, extra, activity)
            known = self._routes.get(name)
            if known is not None and known.since <= at_s < known.until:
                return known
        if not given:
            raise ScopeError("", "at least one scope, such as 'global'")
        if not 0 < len(activity) <= _LONGEST_ACTIVITY or not activity.isprintable():
            raise ScopeError(repr(activity), "an activity such as 'http_request'")
        route = self._rules().route([*map(scope_of, given), *extra], activity, at_s)
        if len(self._routes) >= _MOST_ROUTES:
            self._routes = {}
        self._routes[name] = route
        return route

    def _rules(self) -> Rules:
        try:
            return self._rulebook.rules()
        except GuardStoreUnavailable:
            if self._failover is None or not self._failover.open:
                raise
            return self._rulebook.without_store()

    def _reserve_adaptive(  # noqa: PLR0913, PLR0917 - what `reserve` was asked for
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

    def _noted(self, refused: CallRefused, at_s: float) -> CallRefused:
        """Count a refusal, and tell people of the first of its kind in its window."""
        if self._diary.refuse(refused, refused.reason, refused.scope, at_s):
            self._tell(refused)
        return refused

    def _tell(self, refused: CallRefused) -> None:
        self._diary.tell("refused", refused.scope, str(refused))

    def _warn(self, hold: Hold) -> None:
        for line, spent, held in hold.warned:
            self._diary.tell(
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
            from costmon.guard.stores import open_store  # noqa: PLC0415 - a store may be handed over

            store = open_store(store, clock=self.clock, rng=self.rng)
        opened = store
        if slab is not None:
            from costmon.guard.stores.slab import SlabStore  # noqa: PLC0415 - rarely used

            opened = SlabStore(opened, share=amount_of(slab), clock=self.clock)
        if not opened.shared and when == "fail_closed":
            return opened
        from costmon.guard.failover import FailoverStore  # noqa: PLC0415 - memory needs none

        self._failover = FailoverStore(
            opened, when=when, cap=cap, clock=self.clock, diary=self._diary
        )
        return self._failover
