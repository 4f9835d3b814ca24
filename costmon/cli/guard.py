"""`costmon guard`: show, set and reset budgets, and simulate them."""

import argparse
from pathlib import Path

from costmon.cli.command import add_listener, add_settings, duration_of, load_settings
from costmon.domain.budget import Budget
from costmon.errors import BudgetError, InputError

NAME = "guard"
HELP = "manage budgets for outbound calls: status, set, reset, top, simulate"

_STORE = "use the guards' store directly: sqlite:///FILE, postgresql://... or redis://..."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions; each has the options of its own."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    status = actions.add_parser("status", help="show budgets, calls in flight and refusals")
    _add_budgets(status)
    status.add_argument("--json", action="store_true", help="print it as JSON")
    change = actions.add_parser("set", help="set or remove a budget; with --store, also a tier")
    _add_set(change)
    reset = actions.add_parser(
        "reset", help="reset what a scope has spent in the current period to zero"
    )
    reset.add_argument("scope", metavar="SCOPE")
    reset.add_argument("--period", help="period of the budget (default: the scope's first budget)")
    reset.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    top = actions.add_parser("top", help="list the scopes that spent the most")
    top.add_argument("-n", type=_count, default=10, metavar="N", help="print N rows (default: 10)")
    top.add_argument("--by", choices=("spend", "requests", "refusals"), default="spend")
    top.add_argument(
        "--since", type=duration_of, metavar="TIME", help="count only the last TIME, such as 24h"
    )
    simulate = actions.add_parser("simulate", help="show which calls budgets would have refused")
    _add_simulate(simulate)
    for action in (status, change, reset, top):
        action.add_argument("--store", metavar="URL", help=_STORE)
        add_listener(action)
    for action in (status, change, reset, top, simulate):
        action.add_argument(
            "--currency", default="USD", help="currency of all amounts (default: USD)"
        )
        action.add_argument(
            "--zone",
            default="UTC",
            help="time zone of the budgets' days and months (default: UTC)",
        )
        add_settings(action)


def _add_budgets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--budget",
        action="append",
        default=[],
        metavar="SCOPE=LIMIT[/PERIOD]",
        help="a budget, such as host:*=10/month (default: the budgets of the configuration)",
    )


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scope", metavar="SCOPE", help="a scope, or a pattern such as host:*")
    parser.add_argument("--limit", metavar="AMOUNT", help="maximum amount in a period")
    parser.add_argument(
        "--period", default="month", help="hour, day, month, total, or rolling such as rolling:24h"
    )
    parser.add_argument("--warn", metavar="PERCENT", help="warn at PERCENT of the limit")
    parser.add_argument("--block", metavar="PERCENT", help="refuse calls at PERCENT of the limit")
    parser.add_argument("--remove", action="store_true", help="remove the budget of the period")
    parser.add_argument("--author", metavar="NAME", help="who decided this (default: this user)")
    group = parser.add_argument_group("with --store")
    group.add_argument("--tier", choices=("premium", "standard", "limited", "blocked"))
    group.add_argument("--rate", type=_count, metavar="N", help="calls per minute")
    group.add_argument(
        "--custom-budget",
        metavar="AMOUNT",
        help="a custom budget that replaces every limit of SCOPE",
    )
    group.add_argument(
        "--plain", action="store_true", help="remove the tier, rate and custom budget"
    )


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="CSV or JSON lines with time, amount, and scopes, url, host, model or key; - is stdin",
    )
    _add_budgets(parser)
    parser.add_argument("--warn", metavar="PERCENT", default="80")
    parser.add_argument("--block", metavar="PERCENT", default="100")
    group = parser.add_argument_group("generated calls instead of FILE")
    group.add_argument("--calls", type=_count, metavar="N", help="number of calls to generate")
    group.add_argument("--amount", metavar="AMOUNT", help="cost of each call")
    group.add_argument(
        "--scope", action="append", default=[], metavar="SCOPE", help="scope of each call"
    )
    group.add_argument(
        "--every",
        type=duration_of,
        default=1.0,
        metavar="TIME",
        help="time between two calls (default: 1s)",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")


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
