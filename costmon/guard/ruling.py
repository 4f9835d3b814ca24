"""The configuring half of `Guard`: what can be changed while it runs."""

from costmon.domain.amount import Amount
from costmon.domain.budget import Budget, Thresholds
from costmon.domain.scope import scope_of
from costmon.guard.config import ScopeConfig, Tier
from costmon.guard.rulebook import Rulebook


class Ruling:
    """Budgets, thresholds and tiers; changes apply to all guards on the store."""

    _rulebook: Rulebook

    def budgets(self) -> tuple[Budget, ...]:
        """Return the budgets in force, from the program, the store and the service."""
        return tuple(self._rulebook.fresh().budgets.values())

    def set_budget(self, budget: Budget) -> None:
        """Set a budget for all guards on the store, from their next call on.

        It replaces the budget of the same scope and period; what was spent before counts.

        Raises:
            AmountError: It is in another currency.
            GuardStoreError: The store failed.
        """
        self._rulebook.set_budget(budget)

    def remove_budget(self, scope: str, period: str = "month") -> None:
        """Remove a budget for all guards on the store; a budget of the service stays."""
        self._rulebook.remove_budget(scope, period)

    def set_thresholds(self, thresholds: Thresholds) -> None:
        """Set the thresholds of budgets without their own, for all guards on the store."""
        self._rulebook.set_thresholds(thresholds)

    def configure(
        self,
        scope: str,
        *,
        tier: Tier | None = None,
        custom_budget: Amount | None = None,
        rate_limit: int | None = None,
        retry_policy: str | None = None,
    ) -> ScopeConfig:
        """Configure a scope for all guards on the store, from their next call on.

        Settings that are not given stay as they are.

        Args:
            scope: A scope, not a pattern.
            tier: `premium`, `standard`, `limited` or `blocked`.
            custom_budget: Replaces the limits of its budgets, major units.
            rate_limit: Calls a minute.
            retry_policy: As text; see `costmon.guard.retries.policy.RetryPolicy`.

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
        """Reset a scope's tier to `standard`, without own budget, rate and retry policy."""
        self._rulebook.unconfigure(scope)

    def config(self, scope: str) -> ScopeConfig | None:
        """Return a scope's configuration; `None`: it has none, and its tier is `standard`.

        Changes by other guards are seen within a second, or with the next call.
        """
        return self._rulebook.recent().configs.get(scope_of(scope))

    def configs(self) -> tuple[ScopeConfig, ...]:
        """Return all configurations, by scope."""
        configs = self._rulebook.fresh().configs
        return tuple(configs[scope] for scope in sorted(configs))
