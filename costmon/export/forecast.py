"""Export to Prometheus what the month and the day will have cost.

Amounts in USD are those in USD, and those in other currencies that have a rate. What is not
forecast has no sample, and neither has a budget of which nothing is forecast.
"""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from costmon.domain.cap import Cap
from costmon.domain.forecast import Estimate, Forecast, ForecastSum, added_up
from costmon.domain.fx import Rates
from costmon.state.charges import ChargeState
from costmon.state.forecast import budget_forecasts

_USD = "USD"


class ForecastCollector(Collector):
    """Read the published forecast at every scrape."""

    def __init__(
        self, *, charges: Callable[[], ChargeState], caps: Sequence[Cap], rates: Rates
    ) -> None:
        self._charges = charges
        self._caps = caps
        self._rates = rates

    def collect(self) -> Iterator[Metric]:
        """Yield every family that has something to say."""
        forecast = self._charges().forecast
        if forecast is None:
            return
        families = (*self._of_vendors(forecast), self._of_budgets(forecast))
        yield from (family for family in families if family.samples)

    def _of_vendors(self, forecast: Forecast) -> Iterator[Metric]:
        # Summaries: the label `quantile` belongs to that type.
        month = Metric(
            "costmon_forecast_month_cost_usd",
            "What the month will have cost: the median, and the ends of the range of 8 of 10 "
            "cases. Absent when there is too little history.",
            "summary",
            unit="usd",
        )
        day = Metric(
            "costmon_forecast_day_cost_usd",
            "What the vendor's present day will have cost, as above.",
            "summary",
            unit="usd",
        )
        error = GaugeMetricFamily(
            "costmon_forecast_error_ratio",
            "Mean absolute error of forecasts of past months with as many days left, as a part of "
            "what they cost.",
            labels=("provider",),
            unit="ratio",
        )
        for provider, total in self._vendors(forecast).items():
            _add(month, provider, total.month)
            _add(day, provider, total.day)
            if total.error is not None:
                error.add_metric((provider,), float(total.error))
        yield from (month, day, error)

    def _of_budgets(self, forecast: Forecast) -> Metric:
        ratio = GaugeMetricFamily(
            "costmon_budget_forecast_ratio",
            "What the month will have cost as a part of the budget: the median forecast. In any "
            "currency.",
            labels=("budget",),
            unit="ratio",
        )
        found = budget_forecasts(self._caps, forecast, self._rates)
        for name, one in {one.name: one for one in found}.items():
            ratio.add_metric((name,), float(one.percent / 100))
        return ratio

    def _vendors(self, forecast: Forecast) -> dict[str, ForecastSum]:
        providers = sorted({part.provider for part in forecast.accounts})
        return {
            provider: added_up(
                (part for part in forecast.accounts if part.provider == provider), _USD, self._rates
            )
            for provider in providers
        }


def _add(family: Metric, provider: str, estimate: Estimate) -> None:
    for quantile, amount in (
        ("0.1", estimate.low),
        ("0.5", estimate.point),
        ("0.9", estimate.high),
    ):
        if amount is not None:
            labels = {"provider": provider, "quantile": quantile}
            family.add_sample(family.name, labels, float(amount))
