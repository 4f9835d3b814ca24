"""What `costmon costs` prints about the forecast: one line for each vendor, and the total."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any


def forecast_parts(answer: dict[str, Any]) -> Iterator[str]:
    """Yield the parts that have something in them.

    Args:
        answer: That of `/api/v1/costs/forecast`.
    """
    from costmon.console.table import table

    data = answer["data"]
    if not data["vendors"]:
        return
    month = dt.date.fromisoformat(answer["meta"]["month"])
    rows = [(it["provider"], it["forecast"]) for it in data["vendors"]]
    # Why it lacks a range stands in the lines above.
    total = data["total"] | {"reasons": []}
    yield f"\nForecast to the end of {month:%Y-%m} (low to high: 8 of 10 cases):"
    yield table(
        ("vendor", "currency", "charged", "forecast", "low", "high", "today", "past error", "note"),
        [
            (
                name,
                it["currency"],
                *(_amount(it["month"][key]) for key in ("charged", "forecast", "low", "high")),
                _amount(it["day"]["forecast"]),
                f"{Decimal(it['error']):.1%}" if it["error"] is not None else "",
                "; ".join(_notes(it)),
            )
            for name, it in (*rows, ("total", total))
        ],
        right=("charged", "forecast", "low", "high", "today", "past error"),
    )


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _notes(total: dict[str, Any]) -> Iterator[str]:
    if total["left_out"]:
        yield f"without {', '.join(total['left_out'])}: no exchange rate"
    yield from total["reasons"]
    yield from total["rates"]
