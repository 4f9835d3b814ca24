"""A simulated OpenAI organization: the daily costs and usage that its admin API answers.

Everything is drawn from the seed and the day, so it is the same at every start. Each month begins
with a fine-tuning job, which alone costs more than the demo's cap on OpenAI.
"""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from costmon.demo.answer import Answer, Request, ok
from costmon.demo.draw import draw

COSTS = "/organization/costs"
USAGE = "/organization/usage/"
RESTATED_AFTER = dt.timedelta(seconds=30)
RESTATED_BY = Decimal("14.20")

_DAY = dt.timedelta(days=1)
_RESTATED_DAYS_AGO = 3
_PROJECTS = ("proj_shop", "proj_search")
_ITEMS = (("gpt-5.2, input", 90), ("gpt-5.2, output", 160), ("text-embedding-4, input", 25))
_TRAINING = ("gpt-5-mini fine-tuning, training", 12_800, 4_000)
_MODELS = (("gpt-5.2", 1_900_000), ("gpt-5-mini", 4_200_000))


class OpenAIOrganization:
    """The organization behind the admin API.

    Args:
        seed: The same seed gives the same figures.
        started_at: When the simulation began: half a minute later one day is restated.
    """

    def __init__(self, seed: int, started_at: dt.datetime) -> None:
        self._seed = seed
        self._started_at = started_at

    def answer(self, path: str, request: Request, now: dt.datetime) -> Answer | None:
        """Return what the vendor would say; `None` for a path that does not exist."""
        if path == COSTS:
            return _page([self._cost_bucket(day, now) for day in _days(request, now)])
        kind = path.removeprefix(USAGE)
        if kind != path and kind.replace("_", "").isalpha():
            return _page([self._usage_bucket(kind, day, now) for day in _days(request, now)])
        return None

    def _cost_bucket(self, day: dt.datetime, now: dt.datetime) -> dict[str, Any]:
        return _bucket(
            day,
            [
                {
                    "object": "organization.costs.result",
                    "amount": {"value": f"{amount:f}", "currency": "usd"},
                    "line_item": item,
                    "project_id": project,
                    "organization_id": "org-demo",
                }
                for project, item, amount in self._costs(day, now)
            ],
        )

    def _costs(self, day: dt.datetime, now: dt.datetime) -> Iterator[tuple[str, str, Decimal]]:
        if day.day == 1:
            item, least, spread = _TRAINING
            cents = least + draw(self._seed, item, day.date(), below=spread)
            yield _PROJECTS[1], item, Decimal(cents) / 100
        part = _part_of_day(day, now)
        for project in _PROJECTS:
            for item, most in _ITEMS:
                # Millionths of a dollar: vendors write more digits than a cent has.
                millionths = draw(self._seed, project, item, day.date(), below=most * 10_000)
                amount = Decimal(millionths * self._busyness(day)) * part / 100_000_000
                if self._is_restated(project, item, day, now):
                    amount += RESTATED_BY
                yield project, item, amount

    def _busyness(self, day: dt.datetime) -> int:
        """Return how much is used in the day's month, in percent of the usual."""
        return 60 + draw(self._seed, "busyness", day.year, day.month, below=90)

    def _is_restated(self, project: str, item: str, day: dt.datetime, now: dt.datetime) -> bool:
        restated = _midnight(now) - _RESTATED_DAYS_AGO * _DAY
        is_row = (project, item, day) == (_PROJECTS[0], _ITEMS[1][0], restated)
        return is_row and now - self._started_at >= RESTATED_AFTER

    def _usage_bucket(self, kind: str, day: dt.datetime, now: dt.datetime) -> dict[str, Any]:
        if kind != "completions":
            return _bucket(day, [])
        part = _part_of_day(day, now)
        rows = []
        for model, most in _MODELS:
            tokens = int(draw(self._seed, model, day.date(), below=most) * part)
            rows.append(
                {
                    "object": "organization.usage.completions.result",
                    "model": model,
                    "input_tokens": tokens,
                    "input_cached_tokens": tokens // 4,
                    "output_tokens": tokens // 6,
                    "num_model_requests": tokens // 900,
                }
            )
        return _bucket(day, rows)


def _page(buckets: list[dict[str, Any]]) -> Answer:
    return ok({"object": "page", "data": buckets, "has_more": False, "next_page": None})


def _bucket(day: dt.datetime, results: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "object": "bucket",
        "start_time": int(day.timestamp()),
        "end_time": int((day + _DAY).timestamp()),
        "results": results,
    }


def _days(request: Request, now: dt.datetime) -> Iterator[dt.datetime]:
    """Yield the midnights of the days that are asked for and have begun."""
    start, end = (int(request.query[name]) for name in ("start_time", "end_time"))
    day = _midnight(dt.datetime.fromtimestamp(start, dt.UTC))
    while day.timestamp() < min(end, now.timestamp()):
        yield day
        day += _DAY


def _midnight(moment: dt.datetime) -> dt.datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _part_of_day(day: dt.datetime, now: dt.datetime) -> Decimal:
    """Return how much of a day is over, in steps of a minute, from 0 to 1."""
    minutes = min(max(int((now - day).total_seconds()) // 60, 0), 1440)
    return Decimal(minutes) / 1440
