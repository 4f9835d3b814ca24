"""What `costmon costs` prints about this month's charges, budgets and quotas."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

BASES = ("billed", "metered", "list_price", "plan", "manual")
_HEADINGS = ("billed", "metered", "list price", "plan", "manual")


def charged_parts(charges: dict[str, Any], quotas: dict[str, Any], timezone: str) -> Iterator[str]:
    """Yield the parts that have something in them.

    Args:
        charges: The answer of `/api/v1/charges` by account, of the month to date.
        quotas: The answer of `/api/v1/quotas`.
        timezone: In which times are shown.
    """
    yield from _month(charges)
    yield from _budgets(quotas["data"]["budgets"])
    yield from _quotas(quotas["data"]["quotas"], timezone)
    yield from _restated(charges["meta"]["restated"])
    yield from _doubts(charges["meta"]["freshness"])


def _month(charges: dict[str, Any]) -> Iterator[str]:
    from costmon.console.table import table

    amounts: dict[tuple[str, str, str], dict[str, Decimal]] = {}
    for row in charges["data"]:
        of_account = amounts.setdefault((row["account"], row["provider"], row["currency"]), {})
        of_account[row["basis"]] = Decimal(row["billed"])
    if not amounts:
        return
    days = {
        (it["account"], it["provider"]): it["last_complete_day"]
        for it in charges["meta"]["freshness"]
    }
    yield f"\nThis month, charged (since {charges['meta']['from']}):"
    yield table(
        ("account", "currency", *_HEADINGS, "complete through"),
        [
            (
                account if account == provider else f"{account} ({provider})",
                currency,
                # Nothing of a basis is not an unknown amount of it.
                *(by_basis.get(basis, "") for basis in BASES),
                days.get((account, provider)),
            )
            for (account, provider, currency), by_basis in amounts.items()
        ],
        right=_HEADINGS,
    )


def _budgets(budgets: Sequence[dict[str, Any]]) -> Iterator[str]:
    from costmon.console.table import table

    if not budgets:
        return
    yield "\nBudgets, by what was charged:"
    yield table(
        ("budget", "spent", "limit", "currency", "percent", "note"),
        [
            (
                f"{it['scope']} {it['period']}",
                None if it["spent"] is None else Decimal(it["spent"]),
                Decimal(it["limit"]),
                it["currency"],
                it["percent"],
                "; ".join(_budget_notes(it)),
            )
            for it in budgets
        ],
        right=("spent", "limit", "percent"),
    )


def _budget_notes(budget: dict[str, Any]) -> Iterator[str]:
    if budget["left_out"]:
        yield f"without {', '.join(budget['left_out'])}: no exchange rate"
    if budget["estimated"]:
        yield "partly estimated"
    yield from budget["rates"]


def _quotas(quotas: Sequence[dict[str, Any]], timezone: str) -> Iterator[str]:
    from costmon.console.table import table, when

    if not quotas:
        return
    yield "\nQuotas:"
    yield table(
        ("account", "quota", "used", "limit", "unit", "percent", "resets at", "note"),
        [
            (
                f"{it['account']}/{it['project']}" if it["project"] else it["account"],
                it["quota"],
                Decimal(it["used"]),
                Decimal(it["limit"]),
                it["unit"],
                it["percent"],
                when(it["resets_at"], timezone) if it["resets_at"] else "",
                "; ".join(_quota_notes(it)),
            )
            for it in quotas
        ],
        right=("used", "limit", "percent"),
    )


def _quota_notes(quota: dict[str, Any]) -> Iterator[str]:
    if quota["plan"]:
        yield f"plan {quota['plan']}"
    if quota["estimated"]:
        yield "estimated"


def _restated(restated: Sequence[dict[str, Any]]) -> Iterator[str]:
    from costmon.console.table import table

    if not restated:
        return
    yield "\nRestated by the vendor in the last 7 days:"
    yield table(
        ("account", "day", "service", "change", "currency"),
        [
            (it["account"], it["day"], it["service"], Decimal(it["billed_delta"]), it["currency"])
            for it in restated
        ],
        right=("change",),
    )


def _doubts(freshness: Sequence[dict[str, Any]]) -> Iterator[str]:
    from costmon.console.table import table

    rows = [
        (it["account"], what, reason)
        for it in freshness
        for what, reason in (
            *([("not up to date", it["reason"])] if it["reason"] else []),
            *((f"not visible: {gap['kind']}", gap["reason"]) for gap in it["gaps"]),
        )
    ]
    if rows:
        yield "\nCharges that may be missing:"
        yield table(("account", "what", "reason"), rows)
