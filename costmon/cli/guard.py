"""`costmon guard`: show, set and reset budgets, and simulate them."""

import argparse
from pathlib import Path

from costmon.cli.command import (
    add_action,
    add_listener,
    add_settings,
    duration_of,
    load_settings,
)
from costmon.domain.budget import Budget
from costmon.errors import BudgetError, InputError

NAME = "guard"
HELP = "manage budgets for outbound calls: status, set, reset, top, simulate"

_SCOPES = (
    "A scope names a group of calls: global (all calls), host:NAME, provider:NAME, model:NAME, "
    "key:LABEL (a label of your choice), account:NAME, service:NAME or tag:NAME=VALUE. As a "
    "pattern, host:* means each host by itself."
)
_STORE = "use the guards' store directly: sqlite:///FILE, postgresql://... or redis://..."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions; each has the options of its own."""
    parser.description = (
        "Manage budgets for outbound calls. With --store, the guards' store is read or changed "
        "directly; otherwise, the running service is asked, to which guards report that were "
        f"created with service=... {_SCOPES}"
    )
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    status = add_action(actions, "status", "show budgets, calls in flight and refusals")
    _add_budgets(status, "; only with --store")
    status.add_argument("--json", action="store_true", help="print as JSON")
    change = add_action(
        actions, "set", "set or remove a budget; with --store, also a tier", _SCOPES
    )
    _add_set(change)
    reset = add_action(
        actions,
        "reset",
        "set the spending of SCOPE in the current period back to zero",
        "Calls in flight stay counted. Requires --store.",
    )
    reset.add_argument(
        "scope", metavar="SCOPE", help="a scope, such as host:api.example.com; no pattern"
    )
    reset.add_argument(
        "--period",
        metavar="PERIOD",
        help="period of the budget: hour, day, month, total, or rolling such as rolling:24h "
        "(default: that of the first budget of SCOPE, those of costmon.toml first; month if it has "
        "none)",
    )
    reset.add_argument(
        "--yes", action="store_true", help="do not ask for confirmation (required without terminal)"
    )
    top = add_action(actions, "top", "list the scopes that spent the most")
    _add_top(top)
    simulate = add_action(
        actions,
        "simulate",
        "show which calls budgets would have refused",
        "Nothing is sent or saved. The exit code is 1 if a call would have been refused.",
    )
    _add_simulate(simulate)
    for action in (status, change, reset, top):
        otherwise = "required" if action is reset else "default: ask the running service"
        action.add_argument("--store", metavar="URL", help=f"{_STORE} ({otherwise})")
        add_listener(action)
    for action in (status, change, reset, top, simulate):
        action.add_argument(
            "--currency",
            default="USD",
            metavar="CODE",
            help="currency of all amounts; a label, nothing is converted (default: USD)",
        )
        action.add_argument(
            "--zone",
            default="UTC",
            metavar="NAME",
            help="time zone in which days and months of budgets begin (default: UTC)",
        )
        add_settings(action)


def _add_budgets(parser: argparse.ArgumentParser, condition: str = "") -> None:
    parser.add_argument(
        "--budget",
        action="append",
        default=[],
        metavar="SCOPE=LIMIT[/PERIOD]",
        help="a budget for this command only, such as host:*=10/month; nothing is saved. "
        "Repeatable. PERIOD is hour, day, month, total or rolling:24h (default: month)"
        f"{condition}. Default: the budgets in costmon.toml",
    )


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scope", metavar="SCOPE", help="a scope, or a pattern such as host:*")
    parser.add_argument(
        "--limit",
        metavar="AMOUNT",
        help="maximum amount in a period; this or --remove is required, unless an option of the "
        "group `with --store` is given",
    )
    parser.add_argument(
        "--period",
        default="month",
        metavar="PERIOD",
        help="hour, day, month, total, or rolling such as rolling:24h (default: month)",
    )
    parser.add_argument(
        "--warn",
        metavar="PERCENT",
        help="warn at PERCENT of the limit (default: as configured for the guard, usually 80)",
    )
    parser.add_argument(
        "--block",
        metavar="PERCENT",
        help="refuse calls at PERCENT of the limit (default: as configured for the guard, usually "
        "100)",
    )
    parser.add_argument(
        "--remove",
        action="store_true",
        help="remove the budget of SCOPE for this --period, instead of setting one; tier, rate and "
        "custom budget stay",
    )
    parser.add_argument(
        "--author",
        metavar="NAME",
        help="ignored: the service records who is authenticated",
    )
    group = parser.add_argument_group("with --store", "For one scope, not for a pattern.")
    group.add_argument(
        "--tier",
        choices=("premium", "standard", "limited", "blocked"),
        help="premium: warnings, but no refusals because of a budget; standard: budgets apply (the "
        "default for a scope without tier); limited: a quarter of the limits, and 60 calls per "
        "minute unless --rate is given; blocked: all calls are refused",
    )
    group.add_argument(
        "--rate", type=_count, metavar="N", help="maximum calls per minute (default: unchanged)"
    )
    group.add_argument(
        "--custom-budget",
        metavar="AMOUNT",
        help="limit for SCOPE that replaces the limit of each of its budgets; a monthly limit "
        "if it has no budget (default: unchanged)",
    )
    group.add_argument(
        "--plain",
        action="store_true",
        help="remove tier, rate, custom budget and retry policy of SCOPE; its budgets stay",
    )


def _add_top(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-n", type=_count, default=10, metavar="N", help="print N rows (default: 10)"
    )
    parser.add_argument(
        "--by",
        choices=("spend", "requests", "refusals"),
        default="spend",
        help="sort by amount, by number of requests (only with --store) or by number of refused "
        "calls (only without --store) (default: spend)",
    )
    parser.add_argument(
        "--since",
        type=duration_of,
        metavar="TIME",
        help="count only the last TIME, such as 24h. With --store: from the start of an hour "
        "(default: 24h). Without: only for --by refusals (default: the latest 200 refusals)",
    )


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="CSV with column names in the first line, or JSON lines; - is stdin. Required: time "
        "(seconds since 1970, or 2026-11-21T10:00:00Z), amount, and at least one of scopes "
        "(separated by spaces), url, host, provider, model, key, account, service and tag. "
        "Optional: activity",
    )
    _add_budgets(parser)
    parser.add_argument(
        "--warn",
        metavar="PERCENT",
        default="80",
        help="warn at PERCENT of each limit (default: 80); warnings refuse nothing",
    )
    parser.add_argument(
        "--block",
        metavar="PERCENT",
        default="100",
        help="refuse calls at PERCENT of each limit (default: 100)",
    )
    group = parser.add_argument_group("generated calls instead of FILE")
    group.add_argument("--calls", type=_count, metavar="N", help="number of calls to generate")
    group.add_argument(
        "--amount", metavar="AMOUNT", help="cost of each call; required with --calls"
    )
    group.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="SCOPE",
        help="scope of each call; repeatable (default: global)",
    )
    group.add_argument(
        "--every",
        type=duration_of,
        default=1.0,
        metavar="TIME",
        help="time between two calls (default: 1s)",
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Do one action; `simulate` exits with 1 when something would be refused."""
    from costmon.cli import guard_service, guard_simulation, guard_store
    from costmon.guard.log import log

    settings = load_settings(arguments).settings
    # The warnings are for programs that call a guard; this command prints its own answer.
    log().setLevel("ERROR")
    given = tuple(budget_of(text) for text in getattr(arguments, "budget", ()))
    budgets = given or tuple(settings.budgets)
    if arguments.action == "simulate":
        return guard_simulation.run(arguments, budgets, settings.timezone)
    if arguments.store is not None:
        if arguments.store.startswith("memory:"):
            raise InputError(
                "memory:// cannot be read from another process: give sqlite:///FILE, "
                "postgresql://... or redis://..."
            )
        return guard_store.run(arguments, budgets, settings.timezone)
    if given:
        raise InputError("--budget requires --store: the service knows its own budgets")
    return guard_service.run(arguments, settings)


def budget_of(text: str) -> Budget:
    """Return a budget from `host:*=10/month`; without a period it is by month.

    Raises:
        InputError: It is not a budget.
    """
    scope, equals, rest = text.rpartition("=")
    limit, _, period = rest.partition("/")
    if not equals or not limit:
        raise BudgetError(
            f"{text!r} is not a valid budget: use SCOPE=LIMIT/PERIOD, such as host:*=10/month"
        )
    return Budget(scope, limit, period or "month")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 10_000_000:  # noqa: PLR2004 - about ten minutes' work
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number from 1 to 10000000")
    return int(text)
