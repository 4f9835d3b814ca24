"""`costmon guard simulate`: what budgets would have done with these calls."""

import argparse
import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal

from costmon.cli.guard_calls import Call, calls_of, generated
from costmon.cli.guard_tables import amount, moment, to_json
from costmon.clock import SystemClock
from costmon.console.table import table
from costmon.domain.budget import Budget, Thresholds
from costmon.errors import InputError
from costmon.guard import BudgetRefused, CallRefused, Guard

_TOP = 20


class SimulatedClock:
    """A clock that shows the time of the call in hand."""

    def __init__(self, epoch_s: float) -> None:
        self._epoch_s = self._monotonic_s = epoch_s

    def now(self) -> dt.datetime:
        """Return the simulated wall clock's time."""
        return dt.datetime.fromtimestamp(self._epoch_s, dt.UTC)

    def monotonic_s(self) -> float:
        """Return simulated seconds that never go back."""
        return self._monotonic_s

    def epoch_s(self) -> float:
        """Return the simulated wall clock's time as seconds since 1970."""
        return self._epoch_s

    def move_to(self, epoch_s: float) -> None:
        """Let it be that time."""
        self._monotonic_s += max(0.0, epoch_s - self._epoch_s)
        self._epoch_s = epoch_s


class Refusals:
    """What one budget, or another rule, would have refused."""

    def __init__(self, first_at: float, limit: Decimal | None) -> None:
        self.first_at = first_at
        self.limit = limit
        self.calls = 0
        self.worth = Decimal()


class Outcome:
    """The outcome of all calls."""

    def __init__(self) -> None:
        self.allowed = 0
        self.refused = 0
        self.unspent = Decimal()
        self.spent: dict[str, Decimal] = {}
        self.refusals: dict[tuple[str, str], Refusals] = {}

    def allow(self, scopes: Iterable[str], cost: Decimal) -> None:
        """Count a call that would have been made."""
        self.allowed += 1
        for scope in scopes:
            self.spent[scope] = self.spent.get(scope, Decimal()) + cost

    def refuse(self, call: Call, refused: CallRefused) -> None:
        """Count a call that would not have been made."""
        self.refused += 1
        self.unspent += call.amount
        period, limit = refused.reason, None
        if isinstance(refused, BudgetRefused):
            period, limit = refused.period, refused.limit
        found = self.refusals.setdefault((refused.scope, period), Refusals(call.epoch_s, limit))
        found.calls += 1
        found.worth += call.amount


def simulate(calls: Sequence[Call], guard: Guard, clock: SimulatedClock) -> Outcome:
    """Return what the guard would have done with the calls, in the order of their times."""
    outcome = Outcome()
    for call in sorted(calls, key=lambda call: call.epoch_s):
        clock.move_to(call.epoch_s)
        try:
            with guard.reserve(call.scopes, call.amount, activity=call.activity) as lease:
                outcome.allow(lease.scopes, call.amount)
        except CallRefused as refused:
            outcome.refuse(call, refused)
    return outcome


def run(arguments: argparse.Namespace, budgets: Sequence[Budget], timezone: str) -> int:
    """Print what would have become of the calls; 1 when one would have been refused.

    Raises:
        InputError: There is no budget, or a call cannot be read.
    """
    if not budgets:
        raise InputError(
            "there are no budgets to simulate: give --budget host:*=10/month, or set budgets in "
            "costmon.toml"
        )
    calls = _calls(arguments)
    if not calls:
        raise InputError("the file has no calls")
    clock = SimulatedClock(min(call.epoch_s for call in calls))
    with Guard(
        "memory://",
        budgets,
        thresholds=Thresholds(arguments.warn, arguments.block),
        currency=arguments.currency,
        zone=arguments.zone,
        app="costmon guard simulate",
        clock=clock,
    ) as guard:
        outcome = simulate(calls, guard, clock)
    if arguments.json:
        print(_json(outcome, arguments.currency))
    else:
        _print(outcome, arguments.currency, timezone)
    return 1 if outcome.refused else 0


def _calls(arguments: argparse.Namespace) -> list[Call]:
    if (arguments.file is None) == (arguments.calls is None):
        raise InputError(
            "guard simulate requires either a FILE of calls, or --calls N with --amount"
        )
    if arguments.file is not None:
        return calls_of(arguments.file)
    if arguments.amount is None:
        raise InputError("--calls requires --amount, such as --amount 0.01")
    return generated(
        arguments.calls,
        cost=arguments.amount,
        scopes=arguments.scope,
        every_s=arguments.every,
        start=SystemClock().now(),
    )


def _print(outcome: Outcome, currency: str, timezone: str) -> None:
    total = outcome.allowed + outcome.refused
    print(f"{total} calls: {outcome.allowed} allowed, {outcome.refused} refused")
    if outcome.refusals:
        print(f"the refused calls would have cost {amount(outcome.unspent)} {currency}")
        print()
        print(
            table(
                ("refused for", "by", "limit", "first", "calls", "worth"),
                [
                    (
                        scope,
                        by,
                        "" if found.limit is None else amount(found.limit),
                        moment(dt.datetime.fromtimestamp(found.first_at, dt.UTC), timezone),
                        found.calls,
                        amount(found.worth),
                    )
                    for (scope, by), found in _in_time(outcome)
                ],
                right=("limit", "calls", "worth"),
            )
        )
    print()
    spent = sorted(outcome.spent.items(), key=lambda item: (-item[1], item[0]))
    print(
        table(
            ("scope", "spent"),
            [(scope, amount(cost)) for scope, cost in spent[:_TOP]],
            right=("spent",),
        )
    )
    if len(spent) > _TOP:
        print(f"... and {len(spent) - _TOP} more scopes; --json prints all")


def _json(outcome: Outcome, currency: str) -> str:
    return to_json(
        {
            "currency": currency,
            "calls": outcome.allowed + outcome.refused,
            "allowed": outcome.allowed,
            "refused": outcome.refused,
            "unspent": outcome.unspent,
            "refusals": [
                {
                    "scope": scope,
                    "by": by,
                    "limit": found.limit,
                    "first_at": dt.datetime.fromtimestamp(found.first_at, dt.UTC),
                    "calls": found.calls,
                    "worth": found.worth,
                }
                for (scope, by), found in _in_time(outcome)
            ],
            "spent": outcome.spent,
        }
    )


def _in_time(outcome: Outcome) -> list[tuple[tuple[str, str], Refusals]]:
    return sorted(outcome.refusals.items(), key=lambda item: item[1].first_at)
