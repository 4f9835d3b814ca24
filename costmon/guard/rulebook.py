"""Budgets and settings from all sources: the program, the store, the service."""

import datetime as dt
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from costmon.clock import EpochClock
from costmon.domain.amount import Amount
from costmon.domain.budget import Budget, Thresholds
from costmon.domain.scope import scope_of
from costmon.domain.window import period_of
from costmon.errors import AmountError, InputError
from costmon.guard.config import ScopeConfig, Tier, budget_amount, rate_of, tier_of
from costmon.guard.errors import CurrencyError
from costmon.guard.log import log
from costmon.guard.policy import Rules, budget_from, budget_text
from costmon.guard.stores.base import RecordKind, Settings, Store

if TYPE_CHECKING:
    from costmon.domain.policy import Policy

_COUNTED = '{"counted": true}'
"""Record of a budget that some program on the store has: every guard must count for it."""

_RECENT_S = 1.0
_THRESHOLDS = "*"
"""The key under which the thresholds are kept among the store's budgets."""
_CURRENCY = "*currency"
"""The key under which the currency of all amounts in the store is kept, from its first use on."""


class Rulebook:
    """Merges the sources by precedence: program < store < service.

    Changes in the store reach every guard on it with its next call; changes of the service within
    a second.

    Args:
        store: Where changes are stored.
        budgets: The program's.
        thresholds: The program's.
        zone: Where calendar days and months begin.
        currency: Of all budgets.
        clock: Source of time.
        changed: Called after every change, to clear caches.

    Raises:
        AmountError: A budget is in another currency.
    """

    def __init__(
        self,
        store: Store,
        budgets: Iterable[Budget],
        thresholds: Thresholds,
        *,
        zone: dt.tzinfo,
        currency: str,
        clock: EpochClock,
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._currency = currency
        self._zone = zone
        self._clock = clock
        self._changed = changed
        self._lock = threading.RLock()
        self._own = {(b.scope, b.period): self._checked(b) for b in budgets}
        self._own_thresholds = thresholds
        self._settings: Settings | None = None
        self._policy: Policy | None = None
        self._rules: Rules | None = None
        # The same rules once all guards on the store know their counters; `None` before.
        self._usable: Rules | None = None
        self._read_s = clock.monotonic_s()

    def rules(self) -> Rules:
        """Return the rules in force, for reserving; see `reload`.

        Raises:
            GuardStoreError: The store failed.
        """
        rules = self._usable
        return rules if rules is not None else self.reload()

    def reload(self) -> Rules:
        """Read the store's settings again; return the rules in force, for reserving and charging.

        Before that, the counters of this program's budgets are recorded in the store: its revision
        goes up, and from then on all guards on it use the same counters.

        Raises:
            CurrencyError: The store counts in another currency.
            GuardStoreError: The store failed.
        """
        while True:
            settings = self._read_settings()
            with self._lock:
                self._settings = settings
                rules = self._lay()
                unknown = self._unknown(rules)
            if not unknown:
                return rules
            for key in unknown:
                self._know(key)

    def fresh(self) -> Rules:
        """Return the rules in force, for reading, with changes that other guards just made.

        Nothing is written.

        Raises:
            GuardStoreError: The store's part cannot be read.
        """
        before = self._rules
        settings = self._read_settings()
        with self._lock:
            if before is not None and before.revision == settings.revision:
                return self._rules or before
            self._settings = settings
            rules = self._lay()
        self._changed()
        return rules

    def recent(self) -> Rules:
        """Return the rules of at most a second ago, for callers that ask before every call.

        Raises:
            GuardStoreError: The store's part cannot be read.
        """
        now_s = self._clock.monotonic_s()
        if self._rules is not None and now_s - self._read_s < _RECENT_S:
            return self._rules
        self._read_s = now_s
        return self.fresh()

    def without_store(self) -> Rules:
        """Return the rules as last known, without reading the store."""
        with self._lock:
            return self._rules or self._lay()

    def apply(self, policy: "Policy") -> None:
        """Obey the service's budgets and circuits; they replace its former ones."""
        with self._lock:
            self._policy = policy
            if self._settings is not None:
                self._lay()
        self._changed()

    @property
    def policy(self) -> "Policy | None":
        """Return the service's latest policy; `None`: none yet."""
        return self._policy

    def set_budget(self, budget: Budget) -> None:
        """Set a budget for all guards on the store; see `Guard.set_budget`."""
        text = budget_text(self._checked(budget))
        self._change("budget", f"{budget.scope}|{budget.period}", lambda _: text)

    def remove_budget(self, scope: str, period: str) -> None:
        """Remove a budget, including one of the program's own; see `Guard.remove_budget`."""
        key = f"{scope_of(scope, pattern=True)}|{period_of(period)}"
        self._change("budget", key, lambda _: '{"removed": true}')

    def set_thresholds(self, thresholds: Thresholds) -> None:
        """Set the thresholds of budgets without their own; see `Guard.set_thresholds`."""
        text = budget_text(Budget("global", 0, levels=thresholds))
        self._change("budget", _THRESHOLDS, lambda _: text)

    def configure(
        self,
        scope: str,
        *,
        tier: Tier | None,
        custom_budget: Amount | None,
        rate_limit: int | None,
        retry_policy: str | None,
    ) -> ScopeConfig:
        """Change a scope's configuration; see `Guard.configure`."""
        name = scope_of(scope)
        now = self._clock.now()
        checked_tier = None if tier is None else tier_of(tier)
        amount = None if custom_budget is None else budget_amount(custom_budget)
        rate = None if rate_limit is None else rate_of(rate_limit)
        config = ScopeConfig(name, "standard", None, None, None, now, now)

        def change(text: str | None) -> str:
            nonlocal config
            before = config if text is None else ScopeConfig.from_text(text)
            config = ScopeConfig(
                scope=name,
                tier=checked_tier or before.tier,
                custom_budget=before.custom_budget if amount is None else amount,
                rate_limit=before.rate_limit if rate is None else rate,
                retry_policy=before.retry_policy if retry_policy is None else retry_policy,
                created_at=before.created_at,
                modified_at=now,
            )
            return config.to_text()

        self._change("scope", name, change)
        return config

    def unconfigure(self, scope: str) -> None:
        """Remove a scope's configuration."""
        self._change("scope", scope_of(scope), lambda _: None)

    def _change(
        self, kind: RecordKind, key: str, change: Callable[[str | None], str | None]
    ) -> None:
        if _CURRENCY not in self._read_settings().budgets:
            self._know(_CURRENCY)
            self._read_settings()
        self._store.update(kind, key, change)
        self.fresh()

    def _read_settings(self) -> Settings:
        settings = self._store.settings()
        counted = settings.budgets.get(_CURRENCY, self._currency)
        if counted != self._currency:
            raise CurrencyError(str(self._store), counted, self._currency)
        return settings

    def _know(self, key: str) -> None:
        """Record a counter or the currency in the store, unless it is known there by now."""
        new = self._currency if key == _CURRENCY else _COUNTED
        self._store.update("budget", key, lambda text: text or new)

    def _unknown(self, rules: Rules) -> list[str]:
        """Return the keys of what the store has no record of yet: the currency, and counters."""
        known = self._settings.budgets if self._settings is not None else {}
        keys = sorted(f"{scope}|{period}" for scope, period in rules.counters())
        return [key for key in (_CURRENCY, *keys) if key not in known]

    def _lay(self) -> Rules:
        """Merge the rules of all sources; the lock is held."""
        budgets = dict(self._own)
        thresholds = self._own_thresholds
        configs: dict[str, ScopeConfig] = {}
        counted: dict[tuple[str, str], None] = {}
        settings = self._settings or Settings(0, {}, {})
        for key, text in _budgets_in(settings):
            scope, _, period = key.rpartition("|")
            if text == _COUNTED:
                counted[scope, period] = None
                continue
            try:
                budget = budget_from(text)
                if key == _THRESHOLDS and budget is not None and budget.levels is not None:
                    thresholds = budget.levels
                elif budget is not None:
                    budgets[budget.scope, budget.period] = budget
                else:
                    budgets.pop((scope, period), None)
                    counted[scope, period] = None
            except InputError as error:
                log().error("a budget in the store cannot be read and is ignored: %s", error)
        for text in settings.scopes.values():
            try:
                config = ScopeConfig.from_text(text)
                configs[config.scope] = config
            except InputError as error:
                log().error("a configuration in the store cannot be read and is ignored: %s", error)
        if self._policy is not None:
            for budget in self._said():
                budgets[budget.scope, budget.period] = budget
        self._rules = Rules(
            revision=settings.revision,
            budgets=budgets,
            thresholds=thresholds,
            configs=configs,
            circuits=self._policy.circuits if self._policy else (),
            zone=self._zone,
            counted=tuple(name for name in counted if name not in budgets),
        )
        known = self._settings is not None and not self._unknown(self._rules)
        self._usable = self._rules if known else None
        return self._rules

    def _said(self) -> Iterable[Budget]:
        """Return the service's budgets that are in the guard's currency."""
        for one in self._policy.budgets if self._policy else ():
            if one.budget.currency in {None, self._currency}:
                yield one.budget
            else:
                log().warning(
                    "the service's budget of %s is in %s, but this guard's currency is %s: ignored",
                    one.budget.scope,
                    one.budget.currency,
                    self._currency,
                )

    def _checked(self, budget: Budget) -> Budget:
        if budget.currency not in {None, self._currency}:
            raise AmountError(
                f"a budget in {budget.currency}", f"{self._currency}, the currency of this guard"
            )
        return budget


def _budgets_in(settings: Settings) -> Iterable[tuple[str, str]]:
    return (item for item in settings.budgets.items() if item[0] != _CURRENCY)
