"""Summarise one cycle for a terminal."""

from costmon.domain.money import shown
from costmon.state.freshness import kind_in_words
from costmon.state.value import AccountState, Snapshot


def failed(snapshot: Snapshot | None) -> bool:
    """Tell whether any account could not be read."""
    return snapshot is None or any(
        account.failure is not None
        or bool(account.stale_kinds or account.off_because)
        or not account.is_settled
        for account in snapshot.accounts
    )


def summary(snapshot: Snapshot | None) -> str:
    """Render totals, then a line for each account; what is unknown is stated."""
    if snapshot is None:
        return "No costs are known."
    lines = ["DEMO: the vendors are simulated."] if snapshot.demo else []
    totals = snapshot.totals
    if totals is None:
        lines.append("No costs are known yet.")
    else:
        lines.append(
            f"{totals.currency} {shown(totals.monthly)} a month, {shown(totals.daily)} a day, "
            f"{shown(totals.hourly)} an hour for {totals.resource_count} resources "
            f"({', '.join(f'{kind}: {count}' for kind, count in totals.kinds) or 'none'})"
        )
        if totals.unpriced_count:
            lines.append(f"{totals.unpriced_count} of them have an unknown or incomplete price")
    lines.extend(_account(account) for account in snapshot.accounts)
    return "\n".join(lines)


def _account(account: AccountState) -> str:
    if account.off_because is not None:
        return f"{account.name}: off, because {printable(account.off_because)}"
    if account.failure is not None:
        return f"{account.name}: could not be read: {printable(account.failure.message)}"
    if account.inventory is None or account.totals is None:
        return f"{account.name}: {'read' if account.is_settled else 'not polled yet'}"
    parts = [f"{account.name}: {shown(account.totals.monthly)} a month"]
    if account.month_to_date_estimate is not None:
        parts.append(f"about {shown(account.month_to_date_estimate)} so far this month")
    if account.inventory.balance is not None:
        usage = account.inventory.balance.month_to_date_usage
        parts.append(f"{shown(usage)} according to the vendor")
    parts.extend(f"{gap.kind}: {gap.reason}" for gap in account.inventory.gaps)
    parts.extend(printable(kind_in_words(kind)) for kind in account.stale_kinds)
    return ", ".join(parts)


def printable(text: str) -> str:
    """Return text that is safe for a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
