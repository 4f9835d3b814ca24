"""Every vendor on loopback, with the answers of its tests, moved to the time that is asked for."""

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Self

from costmon.clock import SystemClock
from costmon.testing import digitalocean
from costmon.testing.stub import Asked, Reply, StubServer
from tests.journeys.service import PATIENCE_S
from tests.providers.anthropic import answers as anthropic
from tests.providers.openai import answers as openai
from tests.providers.supabase import samples as supabase
from tests.providers.vercel import answers as vercel
from tests.providers.wasabi import answers as wasabi

SECRET = "planted-secret-0123456789abcdef"
CREDENTIALS = {
    "anthropic": ("ANTHROPIC_ADMIN_KEY",),
    "digitalocean": ("DO_API_TOKEN",),
    "openai": ("OPENAI_ADMIN_KEY",),
    "supabase": ("SUPABASE_ACCESS_TOKEN",),
    "vercel": ("VERCEL_API_TOKEN",),
    "wasabi": ("WASABI_ACCESS_KEY", "WASABI_SECRET_KEY"),
}
"""The variables that turn each vendor on."""
URLS = {slug: f"{slug.upper()}_API_URL" for slug in CREDENTIALS} | {"digitalocean": "DO_API_URL"}

_DAY = dt.timedelta(days=1)


class Vendors:
    """One server for each vendor, while the `with` block lasts.

    Attributes:
        servers: By the vendor's slug.
        spent_usd: What OpenAI and Anthropic charged today.
        faults: What a vendor answers to everything in place of its answers, by its slug.
        delays_s: How long a vendor is silent before each answer, by its slug.
        wait_before: What a vendor waits for before each answer, by its slug.
    """

    def __init__(self) -> None:
        self.servers: dict[str, StubServer] = {}
        self.spent_usd = {"anthropic": 1.0, "openai": 1.0}
        self.faults: dict[str, Reply] = {}
        self.delays_s: dict[str, float] = {}
        self.wait_before: dict[str, threading.Event] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        for slug in CREDENTIALS:
            self.servers[slug] = self._stack.enter_context(StubServer())
        for slug, answers in {
            "anthropic": self._anthropic(),
            "digitalocean": _digitalocean(),
            "openai": self._openai(),
            "supabase": _supabase(),
            "vercel": _vercel(),
            "wasabi": {wasabi.ACCOUNT: _wasabi, wasabi.BUCKET: wasabi.buckets()},
        }.items():
            for path, answer in answers.items():
                self.servers[slug].script(path.partition("?")[0], self._script(slug, answer))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that point costmon at all of them."""
        return {
            **{name: SECRET for names in CREDENTIALS.values() for name in names},
            **{URLS[slug]: server.url for slug, server in self.servers.items()},
        }

    def _script(self, slug: str, answer: Any) -> Callable[[Asked], Reply]:
        def script(asked: Asked) -> Reply:
            if slug in self.wait_before:
                self.wait_before[slug].wait(PATIENCE_S)
            reply = self.faults[slug] if slug in self.faults else _reply(answer, asked)
            return replace(reply, delay_s=self.delays_s.get(slug, 0.0))

        return script

    def _openai(self) -> dict[str, Any]:
        def costs(asked: Asked) -> object:
            days = range(int(asked.query["start_time"]), int(asked.query["end_time"]), openai.DAY)
            first = dt.datetime.fromtimestamp(days.start, dt.UTC)
            is_current = f"{first:%Y-%m}" == f"{SystemClock().now():%Y-%m}"
            amount = self.spent_usd["openai"] if is_current else 1.5
            rows: dict[int, list[object]] = {
                days[-1]: [openai.cost(amount, "gpt-5.2, input")],
            }
            return openai.page([openai.bucket_at(day, rows.get(day, [])) for day in days])

        def usage(row: Mapping[str, object]) -> Callable[[Asked], object]:
            return lambda asked: openai.page(
                [openai.bucket_at(int(asked.query["start_time"]), [row])]
            )

        completions = openai.COMPLETIONS["data"][0]["results"][0]
        return {
            "/organization/costs": costs,
            "/organization/usage/completions": usage(completions),
            **{f"/organization/usage/{it}": usage(row) for it, row in openai.OTHERS.items()},
        }

    def _anthropic(self) -> dict[str, Any]:
        def cost(asked: Asked) -> object:
            last = tuple(anthropic.days(asked))[-1]
            now = SystemClock().now()
            is_current = f"{last:%Y-%m}" == f"{now:%Y-%m}"
            cents = str(self.spent_usd["anthropic"] * 100) if is_current else "150"
            rows = [anthropic.analytics_cost(last, cents, **anthropic.SONNET)]
            return anthropic.page(rows, data_refreshed_at=anthropic.written(now))

        def usage(asked: Asked) -> object:
            first = next(anthropic.days(asked))
            row = anthropic.analytics_use(first, anthropic.FIRST, 7, "claude-sonnet-4-5")
            now = anthropic.written(SystemClock().now())
            return anthropic.page([row], data_refreshed_at=now)

        return {
            "/v1/organizations/analytics/cost": cost,
            "/v1/organizations/analytics/usage": usage,
        }


def _reply(answer: Any, asked: Asked) -> Reply:
    found = answer(asked) if callable(answer) else answer
    if isinstance(found, bytes):
        return Reply(body=found, headers={"content-type": "application/jsonl"})
    return found if isinstance(found, Reply) else Reply.json(found)


def _digitalocean() -> dict[str, Any]:
    answers = digitalocean.full_account()
    now = SystemClock().now()
    balance = {**answers[digitalocean.BALANCE], "generated_at": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    return {**answers, digitalocean.BALANCE: balance}


def _vercel() -> dict[str, Any]:
    def charges(asked: Asked) -> object:
        last = dt.datetime.fromisoformat(asked.query["to"]) - _DAY
        start = f"{last:%Y-%m-%dT%H:%M:%S}.000Z"
        return vercel.jsonl(
            [
                vercel.used("Fast Data Transfer", 12.5, "GB", start=start, BilledCost=1.875),
                vercel.used("Function Invocations", 640_000, "Invocations", start=start),
            ]
        )

    return {
        "/v1/billing/charges": charges,
        "/v6/deployments": lambda _: vercel.deployments(range(3)),
    }


def _wasabi(asked: Asked) -> object:
    start, end = (dt.date.fromisoformat(asked.query[name]) for name in ("from", "to"))
    today = SystemClock().now().date()
    days = [start + number * _DAY for number in range((min(end, today) - start).days)]
    return wasabi.page([wasabi.day(day.isoformat(), active=10 * wasabi.TB) for day in days])


def _supabase() -> dict[str, Any]:
    now = SystemClock().now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    answers = supabase.account()
    made = f"{now - 200 * _DAY:%Y-%m-%dT%H:%M:%SZ}"
    answers[supabase.PROJECTS] = [
        supabase.project(created_at=made),
        supabase.project(supabase.OTHER, "wiki", created_at=made),
    ]
    for path in answers:
        if path.endswith("usage.api-counts"):
            answers[path] = supabase.counts((f"{hour:%Y-%m-%dT%H:%M:%S}", 7))
        elif path.endswith("functions.combined-stats"):
            called = {"timestamp": int(hour.timestamp() * 1_000_000), "requests_count": 90}
            answers[path] = {"result": [called], "error": None}
    return answers
