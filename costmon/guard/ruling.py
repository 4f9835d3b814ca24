"""What can be decided about a guard while it runs: the ruling half of `Guard`."""

from costmon.domain.amount import Amount
from costmon.domain.budget import Budget, Thresholds
from costmon.domain.scope import scope_of
from costmon.guard.config import ScopeConfig, Tier
from costmon.guard.rulebook import Rulebook


class Ruling:
    """Budgets, levels and tiers; every change holds at once, for all guards on the store."""

    _rulebook: Rulebook

    def budgets(self) -> tuple[Budget, ...]:
        """Return the budgets that hold now, of the program, the store and the service."""
        return tuple(self._rulebook.fresh().budgets.values())

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
        """Make a scope `standard` again, without own budget, rate and retry policy."""
        self._rulebook.unconfigure(scope)

    def config(self, scope: str) -> ScopeConfig | None:
        """Return what is configured about a scope; `None`: nothing, it is `standard`.

        What another guard has just changed is seen within a second, or with the next call.
        """
        return self._rulebook.recent().configs.get(scope_of(scope))

    def configs(self) -> tuple[ScopeConfig, ...]:
        """Return everything that is configured, by scope."""
        configs = self._rulebook.fresh().configs
        return tuple(configs[scope] for scope in sorted(configs))
