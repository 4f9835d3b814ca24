"""Headers that tell a partner what a call costs; a secret to everybody who is not listed.

What remains of a budget is nobody else's business, so without a list nobody is told. The names are
those of the reference system, so that servers which read them go on doing so. Nothing here changes
a request: who sends adds what is returned to a copy.
"""

from collections.abc import Collection
from decimal import Decimal

from costmon.domain.money import shown_exact
from costmon.domain.scope import covers, host_of, scope_of
from costmon.errors import ScopeError
from costmon.guard.config import Tier

TIER = "X-Federation-Tier"
BUDGET_REMAINING = "X-Federation-Budget-Remaining"
COST_ESTIMATE = "X-Federation-Cost-Estimate"
COST_CURRENCY = "X-Federation-Cost-Currency"
COST_TRACKED = "X-Federation-Cost-Tracked"
RESPONSE_TIME = "X-Federation-Response-Time"


def allowed_hosts(hosts: Collection[str]) -> tuple[str, ...]:
    """Return a list of hosts, such as `a.example` or `*.example.org`, in their one spelling.

    Raises:
        ScopeError: One is no host, or `*`: everybody is no list.
    """
    if isinstance(hosts, str):
        raise ScopeError(hosts, "a list of hosts")
    scopes = tuple(scope_of(f"host:{host}", pattern=True) for host in hosts)
    if "host:*" in scopes:
        raise ScopeError("*", "the hosts that may know, such as 'a.example' or '*.example.org'")
    return scopes


def cost_headers(
    host: str,
    allowed: Collection[str],
    *,
    tier: Tier = "standard",
    remaining: Decimal | None = None,
    estimate: Decimal | None = None,
    currency: str = "USD",
) -> dict[str, str]:
    """Return the headers to add to a request to `host`; none unless it is allowed.

    Args:
        host: Whom the request goes to, in any spelling.
        allowed: What `allowed_hosts` returned.
        tier: The host's.
        remaining: Of the host's budget, major units; `None`, for no limit, is left out.
        estimate: Of this call; `None` is left out.
        currency: Of both.

    Raises:
        ScopeError: `host` is none.
    """
    if not allowed:
        return {}
    scope = f"host:{host_of(host)}"
    if not any(covers(pattern, scope) for pattern in allowed):
        return {}
    headers: dict[str, str] = {TIER: tier}
    if remaining is not None:
        headers[BUDGET_REMAINING] = shown_exact(remaining)
    if estimate is not None:
        headers[COST_ESTIMATE] = shown_exact(estimate)
    if remaining is not None or estimate is not None:
        headers[COST_CURRENCY] = currency
    return headers


def tracked_headers(elapsed_s: float) -> dict[str, str]:
    """Return the headers to show the program with a response whose cost was counted."""
    return {COST_TRACKED: "true", RESPONSE_TIME: f"{round(elapsed_s * 1000)}ms"}
