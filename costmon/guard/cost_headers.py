"""Headers that tell listed partners what a call costs.

What remains of a budget is confidential, so only listed hosts are told. The names are those of the
reference system, for compatibility with servers that read them. Nothing here changes a request:
callers add the returned headers to a copy.
"""

from collections.abc import Collection
from decimal import Decimal

from costmon.domain.money import shown_exact
from costmon.domain.scope import covers, host_of, scope_of
from costmon.errors import ScopeError
from costmon.guard.config import Tier
from costmon.guard.public_suffixes import is_public_suffix

TIER = "X-Federation-Tier"
BUDGET_REMAINING = "X-Federation-Budget-Remaining"
COST_ESTIMATE = "X-Federation-Cost-Estimate"
COST_CURRENCY = "X-Federation-Cost-Currency"
COST_TRACKED = "X-Federation-Cost-Tracked"
RESPONSE_TIME = "X-Federation-Response-Time"


def allowed_hosts(hosts: Collection[str]) -> tuple[str, ...]:
    """Return a list of hosts, such as `a.example` or `*.example.org`, in canonical form.

    Raises:
        ScopeError: One is not a host, or is `*` or `*.com`, which would tell everybody.
    """
    if isinstance(hosts, str):
        raise ScopeError(hosts, "a list of hosts")
    scopes = tuple(scope_of(f"host:{host}", pattern=True) for host in hosts)
    if "host:*" in scopes:
        raise ScopeError("*", "hosts, such as 'a.example' or '*.example.org'")
    for scope in scopes:
        wildcard, _, domain = scope.partition("*.")
        if wildcard == "host:" and is_public_suffix(domain):
            raise ScopeError(
                f"*.{domain}",
                "hosts of one owner, such as '*.example.org': anybody can have a host under "
                f"{domain}",
            )
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
        host: The host of the request, in any spelling.
        allowed: What `allowed_hosts` returned.
        tier: The host's tier.
        remaining: Of the host's budget, major units; `None`, for no limit, is left out.
        estimate: Of this call; `None` is left out.
        currency: Of both.

    Raises:
        ScopeError: `host` is not a valid host.
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
    """Return the headers that show the program the cost of a response."""
    return {COST_TRACKED: "true", RESPONSE_TIME: f"{round(elapsed_s * 1000)}ms"}
