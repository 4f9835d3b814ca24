"""What simulated vendors answer about use, and what they have counted themselves.

Each `..._answers` returns what the vendor says of a path, or `None`; each `..._used` returns what
it counted, by quota and project, without looking at its answers.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from costmon.providers.vercel.months import ZONE as LOS_ANGELES
from costmon.testing import Asked
from costmon.testing import digitalocean as do
from tests.providers.anthropic import answers as claude
from tests.providers.atlas import answers as atlas
from tests.providers.campaign.spend import DAY, EXACT, HOUR, Spend
from tests.providers.cloudflare import answers as cloudflare
from tests.providers.github import answers as github
from tests.providers.ionos import answers as ionos
from tests.providers.openai import answers as openai
from tests.providers.ovh import answers as ovh
from tests.providers.stripe import answers as stripe
from tests.providers.supabase import samples as supabase
from tests.providers.vercel import answers as vercel
from tests.providers.wasabi import answers as wasabi

Used = dict[tuple[str, str | None], Decimal]
Counter = Callable[[Spend, dt.datetime, int], Used]
"""Returns what was counted at a moment; the number is that of the requests of its day so far."""

MODELS = ("model-a", "model-b")
_GB = -9


def of_account(counts: Mapping[str, int | Decimal]) -> Used:
    """Return counts of a whole account."""
    return {(quota, None): Decimal(count) for quota, count in counts.items()}


def _by_model(quota: str, counts: Mapping[str, int]) -> Mapping[str, int]:
    return {quota: sum(counts.values())} | {f"{quota}:{one}": n for one, n in counts.items()}


_CLAUDE = {
    "uncached_input_tokens": ("uncached",),
    "cache_write_tokens": ("an_hour", "minutes"),
    "cached_input_tokens": ("read",),
    "output_tokens": ("output",),
    "web_searches": ("searches",),
}


def anthropic_answers(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    """Return tokens by model and day."""
    if asked.path != "/v1/organizations/usage_report/messages":
        return None

    def row(model: str, day: dt.date) -> Any:
        def count(field: str) -> int:
            return spend.count(f"anthropic/{model}/{field}", day, now)

        tokens = claude.tokens(
            count("uncached"),
            count("output"),
            written=(count("an_hour"), count("minutes")),
            read=count("read"),
            searches=count("searches"),
        )
        return {**tokens, "model": model}

    return claude.page(
        [
            claude.bucket(day, [row(model, day.date()) for model in MODELS])
            for day in claude.days(asked)
            if day <= now
        ]
    )


def anthropic_used(spend: Spend, now: dt.datetime, _: int) -> Used:
    """Return what was counted of each kind of token."""
    found: dict[str, int] = {}
    for quota, fields in _CLAUDE.items():
        counts = {
            model: sum(spend.month_count(f"anthropic/{model}/{field}", now) for field in fields)
            for model in MODELS
        }
        found |= _by_model(quota, counts)
    return of_account(found)


_OPENAI = {
    "completions": {
        "input_tokens": "input_tokens",
        "input_cached_tokens": "cached_input_tokens",
        "output_tokens": "output_tokens",
        "num_model_requests": "model_requests",
    },
    "embeddings": {
        "input_tokens": "embedding_tokens",
        "num_model_requests": "embedding_requests",
    },
    "images": {"images": "images"},
    "audio_speeches": {"characters": "speech_characters"},
    "audio_transcriptions": {"seconds": "transcription_seconds"},
    "web_search_calls": {"num_requests": "web_searches"},
    "file_search_calls": {"num_requests": "file_searches"},
    "code_interpreter_sessions": {"num_sessions": "code_interpreter_sessions"},
}
_WITH_MODELS = frozenset({"completions", "embeddings", "images"})


def openai_page(asked: Asked, results: Callable[[dt.date], Sequence[Any]]) -> Any:
    """Return a page of days, as many as were asked for."""
    start, end = int(asked.query["start_time"]), int(asked.query["end_time"])
    days = list(range(int(asked.query.get("page", start)), end, openai.DAY))
    limit = int(asked.query["limit"])
    buckets = [
        openai.bucket_at(at, results(dt.datetime.fromtimestamp(at, dt.UTC).date()))
        for at in days[:limit]
    ]
    return openai.page(buckets, str(days[limit]) if len(days) > limit else None)


def openai_answers(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    """Return what was used of each kind, by model where it was asked so, and day."""
    kind = asked.path.removeprefix("/organization/usage/")
    if kind not in _OPENAI:
        return None
    models = MODELS if ("group_by", "model") in asked.pairs else (None,)

    def results(day: dt.date) -> Sequence[Any]:
        return [
            openai.used(
                kind,
                model=model,
                **{
                    field: spend.count(f"openai/{model}/{kind}/{field}", day, now)
                    for field in _OPENAI[kind]
                },
            )
            for model in models
        ]

    return openai_page(asked, results)


def openai_used(spend: Spend, now: dt.datetime, _: int) -> Used:
    """Return what was counted of each kind."""
    found: dict[str, int] = {}
    for kind, quotas in _OPENAI.items():
        for field, quota in quotas.items():
            models: tuple[str | None, ...] = MODELS if kind in _WITH_MODELS else (None,)
            counts = {
                model: spend.month_count(f"openai/{model}/{kind}/{field}", now) for model in models
            }
            found[quota] = sum(counts.values())
            found |= {f"{quota}:{model}": n for model, n in counts.items() if model}
    return of_account(found)


def aws_used(spend: Spend, now: dt.datetime, requests: int) -> Used:
    """Return the requests of today, which are all that is counted."""
    del spend, now
    cost = EXACT.multiply(Decimal("0.01"), requests)
    return of_account({"cost_explorer_requests": requests, "cost_explorer_cost": cost})


_ATLAS = {"web": (atlas.WEB, "a"), "jobs": (atlas.JOBS, "b")}
_OPERATIONS = ("QUERY", "INSERT")


def _rates(
    spend: Spend, project: str, kind: str, now: dt.datetime
) -> Iterable[tuple[dt.datetime, Decimal]]:
    """Return the operations a second in each hour since the month, or the vendors, began."""
    for day in spend.counts("atlas", now):
        for hour, count in enumerate(spend.by_hour(f"atlas/{project}/{kind}", day)[:24]):
            at = dt.datetime.combine(day, dt.time(hour), dt.UTC)
            if at < now:
                yield at, Decimal(count).scaleb(-3)


def atlas_answers(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    """Return the projects, their processes and rates."""
    if asked.path == atlas.GROUPS:
        return atlas.page([{"id": it, "name": name} for name, (it, _) in _ATLAS.items()])
    for project, (group, host) in _ATLAS.items():
        if asked.path == f"{atlas.GROUPS}/{group}/processes":
            return atlas.page([atlas.process(host), atlas.process("r", "SHARD_MONGOS")])
        if asked.path == atlas.measurements(group, host):
            measured = [
                {
                    "name": f"OPCOUNTER_{kind}",
                    "dataPoints": [
                        {"timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}", "value": rate}
                        for at, rate in _rates(spend, project, kind, now)
                    ],
                }
                for kind in _OPERATIONS
            ]
            return {"measurements": measured}
    return None


def atlas_used(spend: Spend, now: dt.datetime, _: int) -> Used:
    """Return the operations: a rate for as long as its hour has lasted."""
    found: Used = {}
    for project in _ATLAS:
        total = Decimal(0)
        for kind in _OPERATIONS:
            for at, rate in _rates(spend, project, kind, now):
                total += rate * int(min(HOUR, now - at).total_seconds())
        found["operations", project] = total
    return {("operations", None): sum(found.values(), Decimal(0)), **found}


_R2_OPERATIONS = {
    ("GetObject", "Standard"): "r2_class_b_operations",
    ("HeadObject", "Standard"): "r2_class_b_operations",
    ("PutObject", "Standard"): "r2_class_a_operations",
    ("GetObject", "InfrequentAccess"): "r2_infrequent_access_class_b_operations",
}
_BUCKETS = {"photos": "Standard", "backups": "Standard", "cold": "InfrequentAccess"}


def _stored(spend: Spend, bucket: str, now: dt.datetime) -> Mapping[dt.date, int]:
    """Return the peaks of the days; a thirtieth of their sum is a whole number of kilobytes."""
    counts = spend.counts(f"cloudflare/{bucket}", now)
    return {day: 30_000 * count for day, count in counts.items()}


def cloudflare_answers(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    """Return the analytics of R2 and Workers since the month, and the day, began."""
    if asked.path != cloudflare.GRAPHQL:
        return None
    variables = json.loads(asked.body)["variables"]
    assert variables["start"] == f"{now:%Y-%m-01T00:00:00Z}"
    assert variables["day"] == f"{now:%Y-%m-%dT00:00:00Z}"

    def count(meter: str) -> int:
        return spend.month_count(f"cloudflare/{meter}", now)

    operations = [
        cloudflare.operations(action, count(f"{action}/{kind}"), kind)
        for action, kind in (*_R2_OPERATIONS, ("DeleteObject", "Standard"))
    ]
    stored = [
        {
            "max": {"payloadSize": size, "metadataSize": 0},
            "dimensions": {"bucketName": bucket, "storageClass": kind, "date": f"{day}"},
        }
        for bucket, kind in _BUCKETS.items()
        for day, size in _stored(spend, bucket, now).items()
    ]
    sent = {"bytesDownload": count("sent"), "bytesUpload": count("received")}
    workers = {"requests": spend.count("cloudflare/workers", now.date(), now)}
    return cloudflare.analytics(
        r2OperationsAdaptiveGroups=operations,
        r2StorageAdaptiveGroups=stored,
        r2BandwidthUsageAdaptiveGroups=[{"sum": sent}],
        workersInvocationsAdaptive=[{"sum": workers}],
    )


def cloudflare_used(spend: Spend, now: dt.datetime, _: int) -> Used:
    """Return operations, GB-months, traffic and today's requests to Workers."""
    found: dict[str, int | Decimal] = {}
    for (action, kind), quota in _R2_OPERATIONS.items():
        count = spend.month_count(f"cloudflare/{action}/{kind}", now)
        found[quota] = found.get(quota, 0) + count
    for bucket, kind in _BUCKETS.items():
        quota = "r2_storage" if kind == "Standard" else "r2_infrequent_access_storage"
        peaks = sum(_stored(spend, bucket, now).values())
        found[quota] = found.get(quota, 0) + Decimal(peaks // 30).scaleb(_GB)
    for quota, meter in (("r2_egress", "sent"), ("r2_ingress", "received")):
        found[quota] = Decimal(spend.month_count(f"cloudflare/{meter}", now)).scaleb(_GB)
    found["worker_requests"] = spend.count("cloudflare/workers", now.date(), now)
    return of_account(found)


_LIMITS = (("requests", None), ("requests", "web"), ("storage", None))


def custom_answers(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    """Return a list of limits, with what was used of them."""
    if asked.path != "/limits":
        return None
    used = custom_used(spend, now, 0)
    return {
        "limits": [
            {"name": quota, "unit": "GB", "used": count, "included": 100, "project": project}
            for (quota, project), count in used.items()
        ]
    }


def custom_used(spend: Spend, now: dt.datetime, _: int) -> Used:
    """Return counts with decimals."""
    return {key: Decimal(spend.month_count(f"custom/{key}", now)).scaleb(-12) for key in _LIMITS}


def droplets(now: dt.datetime) -> int:
    """Return how many droplets there are."""
    return 1 + now.toordinal() % 5


def droplets_cost(now: dt.datetime) -> Mapping[str, Decimal]:
    """Return what the account costs a month: two addresses are assigned to nothing."""
    return {
        "droplet": 12 * Decimal(droplets(now)),
        "volume": Decimal(10),
        "reserved_ip": 2 * Decimal(5),
    }


def _insights_day(spend: Spend, now: dt.datetime) -> dt.date | None:
    """Return the newest day with daily costs: they are made in the sixth hour after it."""
    day = (now - DAY - 6 * HOUR).date()
    return day if day >= spend.first else None


_SKUS = ("1-DO-DROP-0109", "1-DO-VOL-0001")


def digitalocean_answers(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    """Return the account, what there is in it, and what the last days cost."""
    if asked.path == do.DROPLETS:
        count = 0 if asked.query.get("type") == "gpus" else droplets(now)
        shown = min(count, int(asked.query["per_page"]))
        return do.listing("droplets", [do.droplet(100 + n) for n in range(shown)], total=count)
    if asked.path == do.RESERVED_IPS:
        return do.listing("reserved_ips", [do.reserved_ip(f"192.0.2.{n}") for n in (7, 8)])
    if asked.path == do.VOLUMES:
        return do.listing("volumes", [do.volume()])
    if "/insights/" not in asked.path:
        return do.empty_account().get(asked.path)
    since, until = map(dt.date.fromisoformat, asked.path.rsplit("/", 2)[1:])
    newest = _insights_day(spend, now)
    return do.insights(
        [
            do.data_point(f"{day}", f"{_day_cost(spend, sku, day):f}", sku)
            for day in (since + number * DAY for number in range((until - since).days + 1))
            if newest is not None and spend.first <= day <= newest
            for sku in _SKUS
        ]
    )


def _day_cost(spend: Spend, sku: str, day: dt.date) -> Decimal:
    return Decimal(sum(spend.by_hour(f"digitalocean/{sku}", day))).scaleb(-2)


def digitalocean_used(spend: Spend, now: dt.datetime, _: int) -> Used:
    """Return what there is, and what the newest day cost."""
    found: dict[str, int | Decimal] = {"droplets": droplets(now), "reserved_ips": 2}
    day = _insights_day(spend, now)
    if day is not None:
        costs = {sku: _day_cost(spend, sku, day) for sku in _SKUS}
        found["daily_cost"] = sum(costs.values(), Decimal(0))
        found |= {f"daily_cost:{sku}": cost for sku, cost in costs.items()}
    return of_account(found)


def github_items(spend: Spend, month: dt.date, now: dt.datetime) -> Iterable[Any]:
    """Return rows of minutes and storage in a month, which are free of charge."""
    day = month
    while day <= now.date() and day.month == month.month:
        minutes = spend.count("github/minutes", day, now)
        hours = min(24, int((now - dt.datetime.combine(day, dt.time(), dt.UTC)) / HOUR))
        free = {"grossAmount": 0, "discountAmount": 0}
        yield github.item(f"{day}", 0, "Actions Linux", quantity=minutes, **free)
        yield github.item(
            f"{day}", 0, "Actions Linux", quantity=7, repositoryName="acme/open", **free
        )
        stored = {"quantity": _gigabytes(month) * hours, "unitType": "GigabyteHours"}
        yield github.item(f"{day}", 0, "Actions storage", **stored, **free)
        day += DAY


def _gigabytes(month: dt.date) -> int:
    return 1 + month.month % 5


def github_answers(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    """Return repositories, AI credits and a budget."""
    if asked.path == github.REPOSITORIES:
        return github.PUBLIC[github.REPOSITORIES]
    if asked.path == github.CREDITS:
        asked_for = (int(asked.query["year"]), int(asked.query["month"]))
        if asked_for != (now.year, now.month):
            return github.NO_CREDITS
        return {"usageItems": [github.credit(one, n, 0) for one, n in _credits(spend, now).items()]}
    if asked.path == github.BUDGETS:
        return {"budgets": [github.budget(1, 50, "actions")], "has_next_page": False}
    return None


def _credits(spend: Spend, now: dt.datetime) -> Mapping[str, Decimal]:
    return {
        one: Decimal(spend.month_count(f"github/{one}", now)).scaleb(-3)
        for one in ("gpt", "claude")
    }


def github_used(spend: Spend, now: dt.datetime, _: int) -> Used:
    """Return minutes without those of public repositories, storage, credits, and the budget."""
    credit = _credits(spend, now)
    billed = Decimal(0)
    for day, items in spend.days("github", now, 9):
        if (day.year, day.month) == (now.year, now.month):
            billed = EXACT.add(billed, sum(items.values(), Decimal(0)))
    return of_account(
        {
            "actions_minutes": spend.month_count("github/minutes", now),
            "actions_storage": _gigabytes(now) if now.day > 1 or now.hour else 0,
            "ai_credits": sum(credit.values(), Decimal(0)),
            **{f"ai_credits:{one}": count for one, count in credit.items()},
            "budget:actions": billed,
        }
    )


def sent_bytes(spend: Spend, name: str, now: dt.datetime) -> int:
    """Return what a server of Hetzner's has sent this month."""
    return 1_234_567 * spend.month_count(f"hetzner/{name}", now)


def hetzner_used(servers: Callable[[dt.datetime], int]) -> Counter:
    """Return what each server and the load balancer have sent."""

    def used(spend: Spend, now: dt.datetime, _: int) -> Used:
        names = [("server_egress", f"web-{number}") for number in range(servers(now))]
        return {
            (quota, name): Decimal(sent_bytes(spend, name, now)).scaleb(_GB)
            for quota, name in (*names, ("load_balancer_egress", "lb"))
        }

    return used


_METERS = (("web", "C01000", "1hour"), ("jobs", "C01000", "1hour"), ("web", "S3SU1100", "1G"))


def _metered(spend: Spend, center: str, meter: str, day: dt.date) -> Decimal:
    return Decimal(sum(spend.by_hour(f"ionos/{center}/{meter}", day))).scaleb(-6)


def ionos_answers(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    """Return what a day has used, once it is over."""
    path, _, date = asked.path.rpartition("/")
    if path != f"{ionos.BASE}/utilization/daily":
        return None
    day = dt.date.fromisoformat(date)
    assert day < now.date()
    return ionos.used(
        *(
            ionos.datacenter(
                center, [ionos.meter(meter, f"{_metered(spend, center, meter, day):f}", unit)]
            )
            for center, meter, unit in _METERS
        )
    )


def ionos_used(spend: Spend, now: dt.datetime, _: int) -> Used:
    """Return the meters of yesterday over all data centers."""
    found: dict[str, int | Decimal] = {}
    for center, meter, _unit in _METERS:
        used = _metered(spend, center, meter, now.date() - DAY)
        found[f"used_on_day:{meter}"] = EXACT.add(
            Decimal(found.get(f"used_on_day:{meter}", 0)), used
        )
    return of_account(found)


def _forecast(spend: Spend, service: int, now: dt.datetime) -> Decimal:
    return Decimal(spend.month_count(f"ovh/{service}", now)).scaleb(-8)


def services(now: dt.datetime) -> Sequence[int]:
    """Return the services of OVHcloud's account; the first one is paid by the year."""
    return range(11, 13 + now.toordinal() % 3)


def services_cost(now: dt.datetime) -> Mapping[str, Decimal]:
    """Return what the services cost a month."""
    return {"service": 14 * Decimal(len(services(now)) - 1) + 10}


def ovh_answers(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    """Return what the month is expected to cost, and the services."""
    if asked.path == "/me/consumption/usage/forecast":
        return [
            ovh.transaction(service, [ovh.element("b3-8", _forecast(spend, service, now))])
            for service in (1, 2)
        ]
    if asked.path == "/services":
        return list(services(now))
    number = int(asked.path.rpartition("/")[2]) if asked.path.startswith("/services/") else 0
    if number not in services(now):
        return None
    yearly = {"pricing": {"duration": "P1Y", "price": ovh.price(120)}}
    return ovh.service(number, **(yearly if number == services(now)[0] else {}))


def ovh_used(spend: Spend, now: dt.datetime, _: int) -> Used:
    """Return the sum of what services are expected to cost."""
    forecast = sum((_forecast(spend, service, now) for service in (1, 2)), Decimal(0))
    return of_account({"month_forecast:EUR": forecast})


def volume(spend: Spend, day: dt.date, what: str) -> int:
    """Return the cents of a payment or a refund at Stripe's."""
    return 100 + sum(spend.by_hour(f"stripe/{what}", day))


def stripe_refund(spend: Spend, day: dt.date) -> Any:
    """Return the refund of a day, which costs nothing."""
    cents = volume(spend, day, "refund")
    return stripe.transaction(f"{day}-refund", f"{day}T20:00:00", -cents, 0, kind="refund")


def stripe_used(payments: Callable[[Spend, dt.date], int]) -> Counter:
    """Return what was paid and refunded on days of the month that are over."""

    def used(spend: Spend, now: dt.datetime, _: int) -> Used:
        days = [
            day
            for day, _items in spend.days("stripe", now, 2)
            if (day.year, day.month) == (now.year, now.month)
        ]
        paid = [volume(spend, day, f"{n}") for day in days for n in range(payments(spend, day))]
        found: dict[str, int | Decimal] = {"transactions": len(paid)}
        if days:
            found["transaction_volume:USD"] = Decimal(sum(paid)).scaleb(-2)
            refunds = sum(volume(spend, day, "refund") for day in days)
            found["refund_volume:USD"] = Decimal(refunds).scaleb(-2)
        return of_account(found)

    return used


_FUNCTION = "f-1"
_REQUESTS = ("auth", "realtime", "rest", "storage")
_PROJECT = f"/v1/projects/{supabase.OTHER}"


def _today(spend: Spend, meter: str, now: dt.datetime) -> int:
    """Return what was counted today: an hour is there as soon as it begins."""
    return spend.count(f"supabase/{meter}", now.date(), now + HOUR)


def _last_day(now: dt.datetime) -> Iterable[dt.datetime]:
    hour = now.replace(minute=0)
    return [hour - number * HOUR for number in range(24)]


def supabase_answers(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    """Return what a project of the free plan has used."""
    answers = {
        "/v1/organizations/hobby": supabase.organization("free") | {"slug": "hobby"},
        "/v1/organizations/hobby/entitlements": supabase.entitlements(),
        supabase.ENTITLEMENTS: supabase.entitlements(),
        f"{_PROJECT}/billing/addons": supabase.addons(),
        f"{_PROJECT}/config/disk": supabase.disk(8),
        f"{_PROJECT}/config/disk/util": supabase.disk_use(
            _today(spend, "disk", now), 20_000_000_000
        ),
        f"{_PROJECT}/functions": [{"id": _FUNCTION, "slug": "mail"}],
    }
    if asked.path in answers:
        return answers[asked.path]

    def hourly(meter: str, at: dt.datetime) -> int:
        return spend.by_hour(f"supabase/{meter}", at.date())[at.hour]

    if asked.path == f"{_PROJECT}/analytics/endpoints/usage.api-counts":
        rows = [
            {f"total_{kind}_requests": hourly(kind, at) for kind in _REQUESTS}
            | {"timestamp": f"{at:%Y-%m-%dT%H:%M:%S}"}
            for at in _last_day(now)
        ]
        return {"result": rows, "error": None}
    if asked.path == f"{_PROJECT}/analytics/endpoints/functions.combined-stats":
        rows = [
            {"timestamp": int(at.timestamp()) * 10**6, "requests_count": hourly("functions", at)}
            for at in _last_day(now)
        ]
        return {"result": rows, "error": None}
    if asked.path == f"{_PROJECT}/database/query/read-only":
        if b"pg_database_size" in asked.body:
            return [{"pg_database_size": _today(spend, "size", now)}]
        return [{"n_live_tup": f"{_today(spend, 'rows', now)}"}]
    return None


def supabase_used(spend: Spend, now: dt.datetime, _: int) -> Used:
    """Return today's requests, and what is stored, of the one project that is not paused."""
    found: dict[str, int | Decimal] = {
        f"{kind}_requests": _today(spend, kind, now) for kind in _REQUESTS
    }
    found |= {
        "functions": 1,
        "function_invocations": _today(spend, "functions", now),
        "disk_size": 8,
        "disk_used": Decimal(_today(spend, "disk", now)).scaleb(_GB),
        "database_size": Decimal(_today(spend, "size", now)).scaleb(_GB),
        "table_rows": _today(spend, "rows", now),
    }
    return {(quota, supabase.OTHER): Decimal(used) for quota, used in found.items()}


_VERCEL = {
    "function_invocations": ("Function Invocations", "Invocations", Decimal(9)),
    "fast_data_transfer": ("Fast Data Transfer", "MB", Decimal("0.009")),
    "active_cpu": ("Fluid Active CPU", "Seconds", Decimal("0.0025")),
}
"""By quota: the service, its unit, and what nine of it are in the quota's unit."""
_DEPLOYED_EVERY = 5 * HOUR


def los_angeles(day: dt.date) -> dt.datetime:
    """Return when a day begins in Los Angeles."""
    return dt.datetime.combine(day, dt.time(), ZoneInfo(LOS_ANGELES)).astimezone(dt.UTC)


def _nines(spend: Spend, quota: str, day: dt.date) -> int:
    return sum(spend.by_hour(f"vercel/{quota}", day))


def vercel_rows(spend: Spend, day: dt.date) -> Iterable[Any]:
    """Return what was used on a day, free of charge."""
    start, end = (f"{los_angeles(one):%Y-%m-%dT%H:%M:%S.000Z}" for one in (day, day + DAY))
    for quota, (service, unit, _) in _VERCEL.items():
        yield vercel.used(service, 9 * _nines(spend, quota, day), unit, start=start, end=end)


def _deployed(spend: Spend, now: dt.datetime) -> Sequence[int]:
    """Return when deployments were made, in milliseconds, the newest first."""
    first = dt.datetime.combine(spend.first, dt.time(), dt.UTC)
    times = [first + n * _DEPLOYED_EVERY for n in range((now - first) // _DEPLOYED_EVERY + 1)]
    return [int(one.timestamp()) * 1000 for one in reversed(times)]


def vercel_answers(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    """Return a page of deployments."""
    if asked.path != "/v6/deployments":
        return None
    since, until = int(asked.query["since"]), int(asked.query.get("until", 10**15))
    found = [one for one in _deployed(spend, now) if since <= one < until]
    page = found[: int(asked.query["limit"])]
    listed = [{"uid": f"dpl_{at}", "created": at, "state": "READY"} for at in page]
    following = page[-1] if len(found) > len(page) else None
    return {"deployments": listed, "pagination": {"count": len(page), "next": following}}


def vercel_used(spend: Spend, now: dt.datetime, _: int) -> Used:
    """Return what was used on the days of the month that are over there, and the deployments."""
    today = now.astimezone(ZoneInfo(LOS_ANGELES)).date()
    month = today.replace(day=1)
    begun = int(los_angeles(month).timestamp()) * 1000
    deployed = sum(at >= begun for at in _deployed(spend, now))
    found: dict[str, int | Decimal] = {"deployments": deployed}
    days = [
        day
        for day in (month + number * DAY for number in range((today - month).days))
        if day >= spend.first
    ]
    for quota, (_service, _unit, of_nine) in _VERCEL.items() if days else ():
        found[quota] = sum(_nines(spend, quota, day) for day in days) * of_nine
    return of_account(found)


_CALLS = {
    "requests_get": lambda calls: calls // 2,
    "requests_put": lambda _: 1,
    "requests_delete": lambda _: 0,
    "requests_list": lambda _: 2,
    "requests_head": lambda _: 0,
}


def wasabi_day(spend: Spend, day: dt.date, tb: int) -> Any:
    """Return what one day was like."""
    sent, calls = (sum(spend.by_hour(f"wasabi/{what}", day)) for what in ("sent", "calls"))
    return wasabi.day(f"{day}", active=tb * wasabi.TB, sent=sent, calls=calls)


def wasabi_answers(days: Callable[[Spend, dt.datetime], Sequence[tuple[dt.date, int]]]) -> Any:
    """Return the buckets of the newest day, of all `days` and terabytes that are there."""

    def answers(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
        if asked.path != wasabi.BUCKET:
            return None
        return wasabi.page(
            [
                wasabi.day(f"{day}", active=size, Bucket=bucket)
                for day, tb in days(spend, now)[-1:]
                for bucket, size in (("a", wasabi.TB), ("b", (tb - 1) * wasabi.TB))
            ]
        )

    return answers


def wasabi_used(days: Callable[[Spend, dt.datetime], Sequence[tuple[dt.date, int]]]) -> Counter:
    """Return what the newest day stored, and what the days of the month sent and were asked."""

    def used(spend: Spend, now: dt.datetime, _: int) -> Used:
        there = days(spend, now)
        if not there:
            return {}
        tb = there[-1][1]
        stored = Decimal(wasabi.TB).scaleb(_GB)
        found = of_account(
            {"storage_active": tb * stored, "storage_deleted": 0, "storage_minimum": 0}
        )
        found |= {
            ("storage_active", "a"): stored,
            ("storage_active", "b"): (tb - 1) * stored,
            ("storage_deleted", "a"): Decimal(0),
            ("storage_deleted", "b"): Decimal(0),
        }
        of_month = [day for day, _tb in there if day >= now.date().replace(day=1)]
        if of_month:
            sent, calls = (
                [sum(spend.by_hour(f"wasabi/{what}", day)) for day in of_month]
                for what in ("sent", "calls")
            )
            found |= of_account({"egress": Decimal(sum(sent)).scaleb(_GB), "requests": sum(calls)})
            found |= of_account(
                {quota: sum(count(one) for one in calls) for quota, count in _CALLS.items()}
            )
        return found

    return used
