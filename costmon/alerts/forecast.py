"""Tell people that a budget will be exceeded before its month ends: once a month for each budget.

The median forecast decides. It may fall below the limit again and rise once more: that is not told,
nor is a forecast for a budget that has been exceeded already.
"""

from collections.abc import Iterable, Mapping

from costmon.alerts.caps import Crossing, month_end
from costmon.alerts.condition import Condition
from costmon.alerts.memory import NOTHING_SAID, Memory
from costmon.domain.forecast import Estimate
from costmon.domain.money import shown
from costmon.domain.scope import GLOBAL
from costmon.state.forecast import BudgetForecast

LEVEL = "forecast-100"


def forecast_crossings(
    forecasts: Iterable[BudgetForecast], memory: Mapping[str, Memory]
) -> tuple[Crossing, ...]:
    """Return which budgets will be exceeded and of which nobody has been told this month.

    Args:
        forecasts: Of budgets by month.
        memory: What was told before, by the condition's name.
    """
    found = []
    for one in forecasts:
        budget, month = one.cap.budget, one.sum.month
        if month.point is None or not month.charged < budget.limit <= month.point:
            continue
        name = f"budget:charges:{one.name}:{LEVEL}"
        cause = f"{one.period_start.isoformat()} of {budget.limit}"
        if memory.get(name, NOTHING_SAID).last_cause != cause:
            found.append(Crossing(_condition(one, name, cause), (name,), cause))
    return tuple(found)


def _condition(one: BudgetForecast, name: str, cause: str) -> Condition:
    budget, total = one.cap.budget, one.sum
    currency, month = total.currency, total.month
    point = month.charged if month.point is None else month.point
    subject = "All vendors together" if budget.scope == GLOBAL else budget.scope
    error = total.error
    limit, charged = shown(budget.limit), shown(month.charged)
    parts = [
        f"{subject}: {shown(point)} {currency} are forecast for this month{_range(month)}.",
        f"The budget is {limit} {currency}, of which {charged} {currency} have been charged.",
        f"Past forecasts were off by {error:.1%}." if error is not None else "",
        f"At least, because of {'; '.join(total.reasons)}." if month.low is None else "",
        f"Converted at {'; '.join(total.rates)}." if total.rates else "",
        f"Not included, because there is no exchange rate: {', '.join(total.left_out)}."
        if total.left_out
        else "",
        "`costmon costs` shows what it is made of.",
    ]
    return Condition(
        name=name,
        state="opened",
        cause=cause,
        event="alerter.budget_forecast_exceeded",
        resolved_event="alerter.budget_period_over",
        severity="warning",
        title=f"{subject}: the month's budget will be exceeded",
        text=" ".join(filter(None, parts)),
        resolved_text=f"{subject}: a new month has begun.",
        labels={"scope": budget.scope, "period": budget.period, "source": "charges"},
        escalates=False,
        repeats=False,
        expires_at=month_end(one.period_start),
        facts={
            "budget": one.name,
            "budget_level": LEVEL,
            "charged": float(shown(month.charged)),
            "forecast": float(shown(point)),
            "limit": float(shown(budget.limit)),
            "currency": currency,
        },
    )


def _range(month: Estimate) -> str:
    if month.low is None or month.high is None or month.low == month.high:
        return ""
    return f" ({shown(month.low)} to {shown(month.high)} in 8 of 10 cases)"
