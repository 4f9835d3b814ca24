"""`costmon guard` on a guards' store itself: it needs no service."""

import argparse
import datetime as dt
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from costmon.cli.guard_tables import amount, moment, scope_rows, unpriced_rows
from costmon.domain.budget import Budget, Thresholds
from costmon.domain.money import plain
from costmon.domain.scope import covers
from costmon.domain.spend import UNPRICED_CALL, ScopeGauge
from costmon.errors import InputError
from costmon.guard import Guard, ScopeConfig
from costmon.guard.errors import GuardStoreError

_SQLITE = "sqlite:///"
_DAY_S = 86_400
_EVERY_SCOPE = 1_000_000
_LONGEST_MONTH = dt.timedelta(days=32)
"""A month in any time zone lies within this."""


def run(arguments: argparse.Namespace, budgets: Sequence[Budget], timezone: str) -> int:
    """Do one action on the store that the command line names.

    Raises:
        InputError: Something that was given cannot be used.
        GuardStoreError: The store cannot be read or written.
    """
    if arguments.action != "set":
        _must_exist(arguments.store)
    with Guard(
        arguments.store,
        budgets,
        currency=arguments.currency,
        zone=arguments.zone,
        app="costmon guard",
    ) as guard:
        return _ACTIONS[arguments.action](guard, arguments, timezone)


def _must_exist(url: str) -> None:
    """Refuse to make an empty store where a file name was mistyped."""
    path = url.removeprefix(_SQLITE)
    if path != url and not Path(path).exists():
        raise GuardStoreError(url, "be read", "the file does not exist; check the path")


def _status(guard: Guard, arguments: argparse.Namespace, timezone: str) -> int:
    status, configs = guard.status(), guard.configs()
    if status.scopes is None:
        raise GuardStoreError(status.store, "be read", status.store_fault or "it is unreachable")
    if arguments.json:
        print(_status_json(guard, status._asdict(), configs))
        return 0
    from costmon.console.table import table

    print(f"{status.store}, amounts in {status.currency}")
    print()
    if not status.scopes:
        print("Nothing has been spent this month, and no calls are in flight.")
    if rows := _scopes(guard, status.scopes):
        print(scope_rows(rows, timezone))
    if configs:
        print()
        print(
            table(
                ("scope", "tier", "custom budget", "calls per minute"),
                [
                    (
                        config.scope,
                        config.tier,
                        "" if config.custom_budget is None else amount(config.custom_budget),
                        "" if config.rate is None else config.rate,
                    )
                    for config in configs
                ],
                right=("custom budget", "calls per minute"),
            )
        )
    unpriced = _unpriced(guard)
    if unpriced:
        print()
        print(unpriced_rows((scope, calls, amount(spent)) for scope, calls, spent in unpriced))
    if status.leases:
        print()
        print(
            table(
                ("in flight", "activity", "scopes", "estimate", "expires"),
                [
                    (
                        lease.id,
                        lease.activity,
                        " ".join(lease.scopes),
                        amount(lease.estimate),
                        moment(lease.expires_at, timezone),
                    )
                    for lease in status.leases
                ],
                right=("estimate",),
            )
        )
    return 0


def _unpriced(guard: Guard) -> list[tuple[str, int, Decimal]]:
    """Return the calls to models without a known price of the last 31 days, by scope."""
    now = guard.clock.now()
    sums: dict[str, tuple[int, Decimal]] = {}
    for row in guard.usage(now - dt.timedelta(days=31), now + dt.timedelta(hours=1)):
        if row.activity == UNPRICED_CALL and row.scope.startswith(("model:", "host:")):
            calls, spent = sums.get(row.scope, (0, Decimal(0)))
            sums[row.scope] = (calls + row.requests, spent + plain(row.spent))
    return [(scope, calls, spent) for scope, (calls, spent) in sorted(sums.items())]


def _gauge(gauge: Mapping[str, Any]) -> dict[str, Any]:
    limit = gauge["limit"]
    room = None if limit is None else max(limit - gauge["spent"] - gauge["held"], 0)
    return {**gauge, "remaining": room}


def _scopes(guard: Guard, gauges: Sequence[ScopeGauge]) -> list[dict[str, Any]]:
    """Return the rows of the budgets in use, then of those that nothing has used yet."""
    listed = {(gauge.scope, gauge.period) for gauge in gauges}
    unused = [
        budget
        for budget in guard.budgets()
        if not any(
            period == budget.period and covers(budget.scope, scope) for scope, period in listed
        )
    ]
    used = _used_scopes(guard) if any("*" in budget.scope for budget in unused) else ()
    return [
        *(_gauge(gauge._asdict()) for gauge in gauges),
        *(_unused(guard, budget, used) for budget in unused),
    ]


def _unused(guard: Guard, budget: Budget, used: Collection[str]) -> dict[str, Any]:
    limit = budget.usable
    spent: Decimal | None = Decimal()
    held: Decimal | None = Decimal()
    remaining: Decimal | None = limit
    if "*" not in budget.scope:
        spent = guard.spent(budget.scope, budget.period)
        held = guard.held(budget.scope, budget.period)
        remaining = guard.remaining(budget.scope, budget.period)
        limit = spent + held + remaining if remaining else limit  # as the guard has it, with tiers
    elif budget.period not in {"hour", "day", "month"} or any(
        covers(budget.scope, scope) for scope in used
    ):
        # A pattern has no counter of its own: without rows of all its time, it is not known.
        spent = held = remaining = None
    return {
        "scope": budget.scope,
        "period": budget.period,
        "limit": limit,
        "spent": spent,
        "held": held,
        "resets_at": None,
        "remaining": remaining,
    }


def _used_scopes(guard: Guard) -> Collection[str]:
    now = guard.clock.now()
    until = now + dt.timedelta(seconds=1)
    return {use.scope for use in guard.top(_EVERY_SCOPE, now - _LONGEST_MONTH, until)}


def _status_json(guard: Guard, status: Mapping[str, Any], configs: Sequence[ScopeConfig]) -> str:
    from costmon.cli.guard_tables import to_json

    return to_json(
        {
            "store": status["store"],
            "currency": status["currency"],
            "budgets": [
                {"scope": budget.scope, "period": budget.period, "limit": budget.limit}
                for budget in guard.budgets()
            ],
            "scopes": _scopes(guard, status["scopes"]),
            "leases": [lease._asdict() for lease in status["leases"]],
            "configs": [config._asdict() for config in configs],
            "unpriced": [
                {"scope": scope, "calls": calls, "spent": spent}
                for scope, calls, spent in _unpriced(guard)
            ],
        }
    )


def _set(guard: Guard, arguments: argparse.Namespace, _: str) -> int:
    config = (arguments.tier, arguments.rate, arguments.custom_budget)
    if not (arguments.limit or arguments.remove or arguments.plain or any(config)):
        raise InputError(
            "guard set requires --limit AMOUNT, --remove, --tier, --rate, --custom-budget or "
            "--plain"
        )
    if arguments.limit and arguments.remove:
        raise InputError("give either --limit or --remove, not both")
    scope, period = arguments.scope, arguments.period
    if arguments.limit:
        budget = Budget(scope, arguments.limit, period, levels=levels_of(arguments))
        guard.set_budget(budget)
        limit = amount(budget.limit)
        print(f"{budget.scope} may spend {limit} {guard.currency} (period: {budget.period})")
    if arguments.remove:
        guard.remove_budget(scope, period)
        print(f"{scope} has no budget with period {period} any more")
    if arguments.plain:
        guard.unconfigure(scope)
        print(f"{scope} has the standard tier, and no rate or custom budget")
    if any(config):
        changed = guard.configure(
            scope,
            tier=arguments.tier,
            rate_limit=arguments.rate,
            custom_budget=arguments.custom_budget,
        )
        rate = f", {changed.rate} calls per minute" if changed.rate is not None else ""
        own = (
            f", a custom budget of {amount(changed.custom_budget)} {guard.currency}"
            if changed.custom_budget is not None
            else ""
        )
        print(f"{changed.scope} has the tier {changed.tier}{rate}{own}")
    return 0


def levels_of(arguments: argparse.Namespace) -> Thresholds | None:
    """Return when the budget warns and refuses; `None` leaves that to the guard."""
    if arguments.warn is None and arguments.block is None:
        return None
    usual = Thresholds()
    return Thresholds(arguments.warn or usual.warn, arguments.block or usual.block)


def _reset(guard: Guard, arguments: argparse.Namespace, _: str) -> int:
    scope, period = arguments.scope, arguments.period
    spent = guard.spent(scope, period)
    what = f"{amount(spent)} {guard.currency} spent by {scope} in the current period"
    if not arguments.yes and not _confirmed(f"Reset {what}?"):
        print("Nothing changed.")
        return 1
    forgotten = guard.reset(scope, period)
    held = guard.held(scope, period)
    print(
        f"forgot {amount(forgotten)} {guard.currency} that {scope} had spent in this period;"
        f" {amount(held)} is held by calls in flight and stays"
    )
    return 0


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise InputError(
            "guard reset sets spent amounts to zero: give --yes to confirm when there is no "
            "terminal"
        )
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


def _top(guard: Guard, arguments: argparse.Namespace, timezone: str) -> int:
    from costmon.console.table import table

    if arguments.by == "refusals":
        raise InputError(
            "refusals are reported to the service, not kept in the store: omit --store"
        )
    now = guard.clock.now()
    since = now - dt.timedelta(seconds=arguments.since or _DAY_S)
    since = since.replace(minute=0, second=0, microsecond=0)
    uses = guard.top(_EVERY_SCOPE, since, now + dt.timedelta(seconds=1))
    if arguments.by == "requests":
        uses = tuple(sorted(uses, key=lambda use: use.requests, reverse=True))
    if not uses:
        print(f"Nothing has been spent since {moment(since, timezone)}.")
        return 0
    print(
        table(
            ("scope", "spent", "requests", "failed", "bytes in", "bytes out"),
            [
                (
                    use.scope,
                    amount(use.spent),
                    use.requests,
                    use.failed,
                    use.bytes_in,
                    use.bytes_out,
                )
                for use in uses[: arguments.n]
            ],
            right=("spent", "requests", "failed", "bytes in", "bytes out"),
        )
    )
    print()
    print(
        f"{guard.currency} since {moment(since, timezone)}; do not add rows: a call counts"
        " in each of its scopes"
    )
    return 0


_ACTIONS: Mapping[str, Callable[[Guard, argparse.Namespace, str], int]] = MappingProxyType(
    {"status": _status, "set": _set, "reset": _reset, "top": _top}
)
