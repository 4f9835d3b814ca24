"""What `costmon costs` prints of the bill, budgets and quotas."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from costmon.console.bars import Terminal

KINDS = ("billed", "metered", "estimated", "manual")
_FULL = Decimal(100)
_WIDE, _NARROW = 100, 60
_LONGEST_BAR = 40
_BESIDE_BAR = 40


def charged_parts(
    month: Mapping[str, Any], limits: Mapping[str, Any], timezone: str, terminal: Terminal
) -> Iterator[str]:
    """Yield the parts that have something in them.

    Args:
        month: `data.month` of `/api/v1/summary`.
        limits: `data` of `/api/v1/quotas`.
        timezone: In which times are shown.
        terminal: What the output can show.
    """
    yield from _total(month, terminal)
    yield from _reached(limits, terminal)
    yield from _accounts(month, terminal)
    yield from _trend(month, terminal)
    budgets = limits["budgets"]
    caps = [it for it in budgets if not it["enforced"]]
    enforced = [it for it in budgets if it["enforced"]]
    yield from _budgets("Caps on the bill:", caps, terminal)
    yield from _budgets("Budgets that guards enforce:", enforced, terminal)
    yield from _quotas(limits["quotas"], timezone, terminal)
    yield from _restated(month["restated"], terminal)
    yield from _gaps(month["accounts"], terminal)


def _total(month: Mapping[str, Any], terminal: Terminal) -> Iterator[str]:
    from costmon.console.table import cell

    total = month["total"]
    amount = "unknown" if total["amount"] is None else cell(Decimal(total["amount"]))
    name = f"{dt.date.fromisoformat(month['month']):%B %Y}"
    kinds = ", ".join(
        f"{kind} {cell(Decimal(total['by_kind'][kind]))}"
        for kind in KINDS
        if kind in total["by_kind"]
    )
    unit = "" if total["amount"] is None else f"{month['currency']} "
    line = f"This month so far ({name}): {unit}{amount}"
    yield terminal.heading(line) + (f" ({kinds})" if kinds else "")
    if not month["charges_loaded"]:
        yield "What was charged has not been loaded from the database yet."
    if total["left_out"]:
        yield f"Not included, because there is no exchange rate: {_natives(total['left_out'])}"
    if month["unknown"]:
        names = ", ".join(map(cell, month["unknown"]))
        yield f"Not included, because nothing is known of them: {names}"
    for rate in total["rates"]:
        yield f"Converted at {cell(rate)}"


def _reached(limits: Mapping[str, Any], terminal: Terminal) -> Iterator[str]:
    from costmon.console.table import cell

    for it in limits["budgets"]:
        if it["percent"] is not None and it["percent"] >= _FULL:
            yield terminal.alarm(
                f"REACHED: {cell(it['scope'])} {it['period']}: {_over(it['over'], it['currency'])} "
                f"{cell(Decimal(it['limit']))} in the {it['period']} from {it['period_start']}, "
                f"{_source(it)}"
            )
    for it in limits["quotas"]:
        if it["percent"] >= _FULL:
            yield terminal.alarm(
                f"REACHED: {cell(_quota_name(it))} {cell(it['quota'])}: "
                f"{_over(it['over'], cell(it['unit']))} {cell(Decimal(it['limit']))}"
            )


def _over(over: str | None, unit: str) -> str:
    from costmon.console.table import cell

    return "all used of" if over is None else f"{cell(Decimal(over))} {unit} over"


def _accounts(month: Mapping[str, Any], terminal: Terminal) -> Iterator[str]:
    from costmon.console.table import table

    if not month["accounts"]:
        return
    total = f"in {month['currency']}"
    used = {kind for it in month["accounts"] for kinds in it["native"].values() for kind in kinds}
    shown = [kind for kind in KINDS if kind in used]
    is_wide = terminal.columns >= _WIDE
    columns = tuple(shown) if is_wide else ("kinds",)
    yield ""
    yield table(
        ("account", "state", total, *columns, "complete through", "note"),
        [
            (
                _account_name(it),
                it["state"],
                None if it["total"]["amount"] is None else Decimal(it["total"]["amount"]),
                # Nothing of a kind is not an unknown amount of it.
                *(_natives(_of_kind(it["native"], kind)) for kind in shown if is_wide),
                *(() if is_wide else (_kinds(it["native"]),)),
                it["last_complete_day"],
                "; ".join(_account_notes(it)),
            )
            for it in month["accounts"]
        ],
        right=(total, *shown) if is_wide else (total,),
    )


def _account_name(account: Mapping[str, Any]) -> str:
    name, provider = account["account"], account["provider"]
    return name if name == provider else f"{name} ({provider})"


def _account_notes(account: Mapping[str, Any]) -> Iterator[str]:
    if account["reason"]:
        yield account["reason"]
    if account["source"] == "inventory":
        yield "from what exists now, not from charges"
    if account["total"]["left_out"]:
        yield f"without {_natives(account['total']['left_out'])}: no exchange rate"


def _of_kind(native: Mapping[str, Mapping[str, str]], kind: str) -> Mapping[str, str]:
    return {code: amounts[kind] for code, amounts in native.items() if kind in amounts}


def _kinds(native: Mapping[str, Mapping[str, str]]) -> str:
    return ", ".join(dict.fromkeys(kind for amounts in native.values() for kind in amounts))


def _natives(amounts: Mapping[str, str]) -> str:
    from costmon.console.table import cell

    return " + ".join(f"{cell(Decimal(amount))} {code}" for code, amount in amounts.items())


def _trend(month: Mapping[str, Any], terminal: Terminal) -> Iterator[str]:
    from costmon.console.table import table

    amounts = [it["total"]["amount"] for it in month["months"]]
    known = [Decimal(amount) for amount in amounts if amount is not None]
    if not known:
        return
    highest = max(known)
    width = max(10, min(_LONGEST_BAR, terminal.columns - _BESIDE_BAR))
    currency = month["currency"]
    yield terminal.heading("\nTwelve months:")
    yield table(
        ("month", currency, "", "not known"),
        [
            (
                it["month"][:7],
                None if amount is None else Decimal(amount),
                ""
                if amount is None or highest <= 0
                else terminal.bar(Decimal(amount) / highest, width),
                ", ".join(it["unknown"]),
            )
            for it, amount in zip(month["months"], amounts, strict=True)
        ],
        right=(currency,),
    )


def _budgets(
    heading: str, budgets: Sequence[Mapping[str, Any]], terminal: Terminal
) -> Iterator[str]:
    from costmon.console.table import table

    if not budgets:
        return
    yield terminal.heading(f"\n{heading}")
    yield table(
        ("budget", "since", "", "percent", "spent", "limit", "currency", "over or left", "note"),
        [
            (
                f"{it['scope']} {it['period']}",
                it["period_start"],
                _bar(it["percent"], terminal),
                it["percent"],
                None if it["spent"] is None else Decimal(it["spent"]),
                Decimal(it["limit"]),
                it["currency"],
                _over_or_left(it["spent"], it["limit"]),
                "; ".join(_budget_notes(it)),
            )
            for it in budgets
        ],
        right=("spent", "limit", "percent", "over or left"),
    )


def _bar(percent: Decimal | None, terminal: Terminal) -> str:
    width = 10 if terminal.columns < _WIDE else 20
    if percent is None or terminal.columns < _NARROW:
        return ""
    return terminal.bar(Decimal(percent) / _FULL, width, track=True)


def _over_or_left(used: str | None, limit: str) -> str | None:
    if used is None:
        return None
    left = Decimal(limit) - Decimal(used)
    return f"{abs(left):.2f} {'over' if left < 0 else 'left'}"


def _source(budget: Mapping[str, Any]) -> str:
    return "charged by vendors" if budget["source"] == "charges" else "reported by guards"


def _budget_notes(budget: Mapping[str, Any]) -> Iterator[str]:
    yield _source(budget)
    if budget["left_out"]:
        yield f"without {', '.join(budget['left_out'])}: no exchange rate"
    if budget["estimated"] and budget["source"] == "charges":
        yield "partly estimated"
    yield from budget["rates"]


def _quota_name(quota: Mapping[str, Any]) -> str:
    account, project = quota["account"], quota["project"]
    return f"{account}/{project}" if project else str(account)


def _quotas(
    quotas: Sequence[Mapping[str, Any]], timezone: str, terminal: Terminal
) -> Iterator[str]:
    from costmon.console.table import table, when

    if not quotas:
        return
    yield terminal.heading("\nQuotas:")
    yield table(
        ("account", "quota", "", "percent", "used", "limit", "unit", "resets at", "note"),
        [
            (
                _quota_name(it),
                it["quota"],
                _bar(it["percent"], terminal),
                it["percent"],
                Decimal(it["used"]),
                Decimal(it["limit"]),
                it["unit"],
                when(it["resets_at"], timezone) if it["resets_at"] else "",
                "; ".join(_quota_notes(it)),
            )
            for it in quotas
        ],
        right=("used", "limit", "percent"),
    )


def _quota_notes(quota: Mapping[str, Any]) -> Iterator[str]:
    if quota["over"] is not None:
        yield f"{Decimal(quota['over']):.2f} over"
    if quota["plan"]:
        yield f"plan {quota['plan']}"
    if quota["estimated"]:
        yield "estimated"


def _restated(restated: Sequence[Mapping[str, Any]], terminal: Terminal) -> Iterator[str]:
    from costmon.console.table import table

    if not restated:
        return
    yield terminal.heading("\nRestated by the vendor in the last 7 days:")
    yield table(
        ("account", "day", "service", "change", "currency"),
        [
            (
                it["account"],
                it["day"],
                it["service"],
                f"{Decimal(it['billed_delta']):+.2f}",
                it["currency"],
            )
            for it in restated
        ],
        right=("change",),
    )


def _gaps(accounts: Sequence[Mapping[str, Any]], terminal: Terminal) -> Iterator[str]:
    from costmon.console.table import table

    rows = [
        (_account_name(it), gap["kind"], gap["reason"]) for it in accounts for gap in it["gaps"]
    ]
    if rows:
        yield terminal.heading("\nCharges that cannot be seen:")
        yield table(("account", "what", "reason"), rows)
