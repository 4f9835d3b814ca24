"""17 simulated vendors: each answers in its own form what `Spend` says that it charges.

What they count and have is in `counted`.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from costmon.domain.subscription import add_months
from costmon.providers.vercel.months import ZONE as LOS_ANGELES
from costmon.testing import Asked
from costmon.testing import digitalocean as do
from tests.providers.anthropic import answers as claude
from tests.providers.atlas import answers as atlas
from tests.providers.aws import answers as aws
from tests.providers.campaign import counted
from tests.providers.campaign.spend import DAY, EXACT, Spend
from tests.providers.cloudflare import answers as cloudflare
from tests.providers.custom.source import ACME, source_of
from tests.providers.github import answers as github
from tests.providers.hetzner import answers as hetzner
from tests.providers.hostinger import answers as hostinger
from tests.providers.ionos import answers as ionos
from tests.providers.openai import answers as openai
from tests.providers.ovh import answers as ovh
from tests.providers.scaleway import answers as scaleway
from tests.providers.stripe import answers as stripe
from tests.providers.supabase import samples as supabase
from tests.providers.vercel import answers as vercel
from tests.providers.wasabi import answers as wasabi
from tests.providers.wasabi.test_contract import cost_of

Said = Callable[[Spend, Asked, dt.datetime], Any]
_MONTH_PRICE = Decimal("17.99")


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One vendor.

    Attributes:
        said: What it answers: JSON, bytes, or `None` for a path that it does not have.
        charged: What it has charged so far, exact; `None`: it has no charges.
        monthly: What the things cost a month that it lists, by their kind.
        used: What it has counted, exact; `None`: it has no usage.
        credentials: What the account has.
        options: Likewise.
        failing: A path that fails for a whole day now and then, while the others go on.
        per_day: Requests a day that the vendor documents, or that costmon sends at most of those
            that cost money; `None`: not documented.
        usd_per_request: What a request costs.
    """

    said: Said
    charged: Callable[[Spend, dt.datetime], Decimal] | None = None
    monthly: Callable[[dt.datetime], Mapping[str, Decimal]] = lambda _: {}
    used: counted.Counter | None = None
    credentials: Mapping[str, str] = field(default_factory=lambda: {"token": "planted-0123456789"})
    options: Mapping[str, object] = field(default_factory=dict)
    failing: str | None = None
    per_day: int | None = None
    usd_per_request: Decimal = Decimal(0)


def _total(vendor: str, places: int, zone: str = "UTC") -> Callable[[Spend, dt.datetime], Decimal]:
    return lambda spend, now: spend.total(vendor, now, places, zone)


def _iso(day: dt.date) -> str:
    return f"{day}T00:00:00Z"


def _anthropic(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    if asked.path != "/v1/organizations/cost_report":
        return counted.anthropic_answers(spend, asked, now)
    return claude.page(
        [
            claude.bucket(
                day,
                [
                    claude.cost(f"{EXACT.multiply(amount, Decimal(100)):f}", service)
                    for service, amount in spend.items("anthropic", day.date(), now, 12).items()
                ]
                if day.date() >= spend.first
                else [],
            )
            for day in claude.days(asked)
            if day <= now
        ]
    )


def _openai(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    if asked.path != "/organization/costs":
        return counted.openai_answers(spend, asked, now)

    def results(day: dt.date) -> list[Any]:
        items = spend.items("openai", day, now, 12) if day >= spend.first else {}
        return [openai.cost(f"{amount:f}", service) for service, amount in items.items()]

    return counted.openai_page(asked, results)


def _aws(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    start, end, _ = aws.asked_for(asked)
    days = (start + number * DAY for number in range((end - start).days))
    return aws.costs(
        *(
            aws.day(
                f"{day}",
                *(
                    aws.group(service, f"{amount:f}")
                    for service, amount in spend.items("aws", day, now, 12).items()
                ),
            )
            for day in days
            if spend.first <= day <= now.date()
        )
    )


def _github(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    if asked.path != github.USAGE:
        return counted.github_answers(spend, asked, now)
    month = dt.date(int(asked.query["year"]), int(asked.query["month"]), 1)
    return github.usage(
        *(counted.github_items(spend, month, now) if month >= spend.first.replace(day=1) else ()),
        *(
            github.item(f"{day}", amount, service, grossAmount=amount, discountAmount=0)
            for day, items in spend.days("github", now, 9)
            for service, amount in items.items()
            if day.replace(day=1) == month
        ),
    )


def _scaleway(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    if asked.path != scaleway.CONSUMPTIONS:
        return scaleway.NO_DETAILS if asked.path == scaleway.CHARGES else None
    month = dt.date.fromisoformat(f"{asked.query['billing_period']}-01")
    rows = [
        scaleway.consumption(f"/{service}", scaleway.money(*_nanos(amount)))
        for service, amount in spend.month("scaleway", month, now, 9).items()
    ]
    return scaleway.consumptions(*rows, updated_at=f"{now:%Y-%m-%dT%H:%M:%SZ}")


def _nanos(amount: Decimal) -> tuple[int, int]:
    units, nanos = divmod(int(amount.scaleb(9)), 10**9)
    return units, nanos


def _stripe(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    if asked.path != stripe.TRANSACTIONS:
        return None
    since, until = int(asked.query["created[gte]"]), int(asked.query["created[lt]"])
    found = []
    for day, _ in spend.days("stripe", now, 2):
        listed = []
        for number, amount in enumerate(_at_once(spend, day).values()):
            created = f"{day}T{number + 8:02}:00:00"
            fee, paid = int(amount.scaleb(2)), counted.volume(spend, day, f"{number}")
            listed.append(stripe.transaction(f"{day}-{number}", created, paid, fee))
        listed.append(counted.stripe_refund(spend, day))
        found += [one for one in listed if since <= one["created"] < until]
    found.reverse()
    after = asked.query.get("starting_after")
    ids = [one["id"] for one in found]
    found = found[ids.index(after) + 1 :] if after else found
    return stripe.page(*found[:7], more=len(found) > 7)


def _at_once(spend: Spend, day: dt.date) -> dict[str, Decimal]:
    """Return a day's transactions: each is listed when it is made, and never changes."""
    return spend.items("stripe", day, dt.datetime.combine(day, dt.time(), dt.UTC) + 9 * DAY, 2)


def _stripe_total(spend: Spend, now: dt.datetime) -> Decimal:
    days = spend.days("stripe", now, 2)
    return sum((sum(_at_once(spend, day).values(), Decimal(0)) for day, _ in days), Decimal(0))


def _cloudflare(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    if asked.path != cloudflare.USAGE:
        if asked.path == cloudflare.INFO:
            return cloudflare.COVERED
        return counted.cloudflare_answers(spend, asked, now)
    since, until = (dt.date.fromisoformat(asked.query[name]) for name in ("from", "to"))
    return cloudflare.enveloped(
        [
            cloudflare.row(
                1,
                amount,
                service,
                BillingPeriodStart=_iso(day.replace(day=1)),
                ChargePeriodStart=_iso(day),
                ChargePeriodEnd=_iso(day + DAY),
            )
            for day, items in spend.days("cloudflare", now, 9)
            for service, amount in items.items()
            if since <= day <= until
        ]
    )


def _atlas(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    if asked.path.startswith(atlas.GROUPS):
        return counted.atlas_answers(spend, asked, now)
    invoices = []
    for number, month in enumerate(spend.months(now)):
        lines = [
            atlas.line(
                f"{day}", int(amount.scaleb(2)), service, endDate=_iso(day + DAY), created=_iso(day)
            )
            for day, items in spend.days("atlas", now, 2)
            for service, amount in items.items()
            if day.replace(day=1) == month
        ]
        invoices.append(atlas.invoice(0x200 + number, f"{month:%Y-%m}", lines))
    if asked.path == atlas.PENDING:
        return atlas.page([{**invoices[-1], "statusName": "PENDING"}])
    if asked.path == atlas.INVOICES:
        return atlas.page(
            [{name: v for name, v in one.items() if name != "lineItems"} for one in invoices]
        )
    return next((one for one in invoices if asked.path.endswith(str(one["id"]))), None)


def _ionos(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    if asked.path != ionos.USAGE:
        known = ionos.CHARGES.get(asked.path)
        return counted.ionos_answers(spend, asked, now) if known is None else known
    month = dt.date.fromisoformat(f"{asked.query['period']}-01")
    # At 0.01 EUR an hour.
    meters = [
        ionos.meter("C01000", f"{amount.scaleb(2):f}", "1hour", service)
        for service, amount in spend.month("ionos", month, now, 10).items()
    ]
    return ionos.used(ionos.datacenter("web", meters))


def _ovh(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    if asked.path.startswith("/services") or asked.path.endswith("/forecast"):
        return counted.ovh_answers(spend, asked, now)
    bills = []
    for month in spend.months(now)[:-1]:
        following = (month + 32 * DAY).replace(day=1)
        # Every other bill is late.
        on = following + (2 if month.month % 2 else 24) * DAY
        if on < now.date():
            sums = spend.month("ovh", month, now, 8)
            total = sum(sums.values(), Decimal(0))
            last = f"{following - DAY}"
            lines = [ovh.line("1", total, "Public Cloud", f"{month}", last)]
            bills.append((month, on, (ovh.bill(f"FR{month:%y%m}", f"{on}", total, 0), lines)))
    billed = {month for month, _, _ in bills}
    if asked.path in {"/me/consumption/usage/current", ovh.HISTORY}:
        months = spend.months(now)
        month = months[-1]
        if asked.path == ovh.HISTORY:
            begin = dt.datetime.fromisoformat(asked.query["beginDate"]) + DAY
            month = begin.date().replace(day=1)
        if month in billed or month not in months:
            return []
        sums = spend.month("ovh", month, now, 8)
        elements = [ovh.element(service, amount) for service, amount in sums.items()]
        begin_text = f"{month}T00:00:00+01:00"
        return [ovh.transaction(1, elements, begin_text)] if elements else []
    if asked.path == "/me/bill":
        since, until = (
            dt.datetime.fromisoformat(asked.query[name]).date() for name in ("date.from", "date.to")
        )
        return [bill["billId"] for _, on, (bill, _) in bills if since <= on <= until]
    known = {**ovh.NOTHING, **ovh.bills(*(described for _, _, described in bills))}
    return known.get(asked.path)


def _hostinger(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    if asked.path != hostinger.PATH:
        return None
    begun = len(_renewals(spend, now))
    following = _renewal(spend, begun)
    return [
        hostinger.subscription(
            "KVM 1",
            int(_MONTH_PRICE.scaleb(2)),
            created_at=_iso(spend.first),
            expires_at=_iso(following),
            next_billing_at=_iso(following),
        )
    ]


def _renewal(spend: Spend, number: int) -> dt.date:
    return add_months(spend.first, number)


def _renewals(spend: Spend, now: dt.datetime) -> list[dt.date]:
    found = [spend.first]
    while (following := _renewal(spend, len(found))) <= now.date():
        found.append(following)
    return found


def _hetzner(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    if asked.path == "/servers":
        names = [f"web-{number}" for number in range(_servers(now))]
        servers = [
            hetzner.server(number, name, outgoing_traffic=counted.sent_bytes(spend, name, now))
            for number, name in enumerate(names, 1)
        ]
        return hetzner.page("servers", servers)
    if asked.path == "/load_balancers":
        sent = {"outgoing_traffic": counted.sent_bytes(spend, "lb", now)}
        return hetzner.page("load_balancers", [{**hetzner.LOAD_BALANCER, **sent}])
    if asked.path == "/volumes":
        return hetzner.EVERYTHING["/volumes"]
    return hetzner.NOTHING.get(asked.path)


def _servers(now: dt.datetime) -> int:
    return 1 + now.toordinal() % 5


def _servers_cost(now: dt.datetime) -> Mapping[str, Decimal]:
    return {
        "server": _servers(now) * Decimal("3.49"),
        "load_balancer": Decimal("5.39"),
        "volume": 100 * Decimal("0.044"),
    }


def _wasabi(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    if asked.path != wasabi.ACCOUNT:
        return counted.wasabi_answers(_terabytes)(spend, asked, now)
    since, until = (dt.date.fromisoformat(asked.query[name]) for name in ("from", "to"))
    return wasabi.page(
        [
            counted.wasabi_day(spend, day, tb)
            for day, tb in _terabytes(spend, now)
            if since <= day <= until
        ]
    )


def _terabytes(spend: Spend, now: dt.datetime) -> list[tuple[dt.date, int]]:
    return [
        (day, 1 + int(sum(items.values(), Decimal(0))))
        for day, items in spend.days("wasabi", now, 1)
        if items
    ]


def _digitalocean(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    if not asked.path.startswith(do.INVOICES):
        return counted.digitalocean_answers(spend, asked, now)
    months = {f"{month:%Y-%m}": month for month in spend.months(now)}
    *closed, running = months

    def lines(name: str) -> list[Any]:
        end = min(now.date(), (months[name] + 32 * DAY).replace(day=1))
        return [
            do.item(
                f"{amount:f}",
                resource_uuid=service,
                resource_id=service,
                start_time=_iso(months[name]),
                end_time=_iso(max(end, months[name] + DAY)),
            )
            for service, amount in spend.month("digitalocean", months[name], now, 2).items()
        ]

    def amount(name: str) -> str:
        return f"{sum(spend.month('digitalocean', months[name], now, 2).values(), Decimal(0)):.2f}"

    if asked.path == do.INVOICES:
        preview = do.invoice(
            "preview-uuid", running, amount(running), updated_at=f"{now:%Y-%m-%dT%H:%M:%SZ}"
        )
        listed = [do.invoice(f"uuid-{name}", name, amount(name)) for name in closed]
        return do.invoices(listed, preview)
    name = asked.path.rpartition("/")[2].removeprefix("uuid-")
    name = running if name == "preview-uuid" else name
    return do.items(lines(name)) if name in months else None


def _supabase(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    paused = supabase.project(status="INACTIVE")
    hobby = {"organization_id": "hobby", "organization_slug": "hobby"}
    known = {
        supabase.ORGANIZATIONS: [
            supabase.organization(),
            {"id": "hobby", "slug": "hobby", "name": "Hobby"},
        ],
        supabase.ORGANIZATION: supabase.organization(),
        supabase.PROJECTS: [paused, supabase.project(supabase.OTHER, "wiki", **hobby)],
        f"/v1/projects/{supabase.REF}/billing/addons": supabase.addons(),
    }.get(asked.path)
    return counted.supabase_answers(spend, asked, now) if known is None else known


def _vercel(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    if asked.path != "/v1/billing/charges":
        return counted.vercel_answers(spend, asked, now)
    since, until = (dt.datetime.fromisoformat(asked.query[name]) for name in ("from", "to"))
    rows: list[Any] = []
    for day, items in spend.days("vercel", now, 12, LOS_ANGELES):
        start, end = (counted.los_angeles(one) for one in (day, day + DAY))
        if since <= start < until:
            rows += counted.vercel_rows(spend, day)
            rows += [
                vercel.row(
                    service, f"{start:%Y-%m-%dT%H:%M:%S.000Z}", f"{end:%Y-%m-%dT%H:%M:%S.000Z}"
                )
                | {"BilledCost": amount, "EffectiveCost": amount}
                for service, amount in items.items()
            ]
    return b"".join(encoded(row) + b"\n" for row in rows)


def _custom(spend: Spend, asked: Asked, now: dt.datetime) -> Any:
    if asked.path != "/orgs/acme/costs":
        return counted.custom_answers(spend, asked, now)
    since, until = (dt.datetime.fromisoformat(asked.query[name]) for name in ("from", "to"))
    rows = [
        {
            "amount": {"value": amount, "currency": "USD"},
            "day": f"{day}",
            "service": service,
            "project": None,
            "count": 1,
        }
        for day, items in spend.days("custom", now, 12)
        for service, amount in items.items()
        if since.date() <= day <= until.date() and day < until.date() + DAY
    ]
    return {"data": rows, "has_more": False, "next_page": None}


def encoded(value: object) -> bytes:
    """Return JSON in which an amount is a number with all its digits."""
    return msgspec.json.Encoder(decimal_format="number").encode(value)


VENDORS: Mapping[str, Simulated] = {
    "anthropic": Simulated(
        said=_anthropic,
        used=counted.anthropic_used,
        charged=_total("anthropic", 12),
        credentials={"token": "sk-ant-admin01-planted"},
    ),
    "atlas": Simulated(
        said=_atlas,
        used=counted.atlas_used,
        charged=_total("atlas", 2),
        credentials={"public_key": "planted-public", "private_key": "planted-private"},
        options={"org_id": atlas.ORG},
        per_day=100 * 60 * 24,
    ),
    "aws": Simulated(
        said=_aws,
        used=counted.aws_used,
        charged=_total("aws", 12),
        credentials=aws.KEYS,
        per_day=4,
        usd_per_request=Decimal("0.01"),
    ),
    "cloudflare": Simulated(
        said=_cloudflare,
        used=counted.cloudflare_used,
        charged=_total("cloudflare", 9),
        options={"account_id": cloudflare.ACCOUNT},
    ),
    "custom": Simulated(
        said=_custom,
        used=counted.custom_used,
        charged=_total("custom", 12),
        credentials={"ACME_TOKEN": "planted-0123456789"},
        options={"source": source_of(ACME), "settings": {"ACME_ORG": "acme"}},
    ),
    "digitalocean": Simulated(
        said=_digitalocean,
        monthly=counted.droplets_cost,
        used=counted.digitalocean_used,
        charged=_total("digitalocean", 2),
        failing=do.RESERVED_IPS,
        per_day=5_000 * 24,
    ),
    "github": Simulated(
        said=_github,
        used=counted.github_used,
        charged=_total("github", 9),
        options={"org": "acme"},
        per_day=5_000 * 24,
    ),
    "hetzner": Simulated(
        said=_hetzner,
        used=counted.hetzner_used(_servers),
        monthly=_servers_cost,
        failing="/volumes",
        per_day=3_600 * 24,
    ),
    "hostinger": Simulated(
        said=_hostinger,
        monthly=lambda _: {"subscription": _MONTH_PRICE},
        charged=lambda spend, now: len(_renewals(spend, now)) * _MONTH_PRICE,
    ),
    "ionos": Simulated(said=_ionos, used=counted.ionos_used, charged=_total("ionos", 10)),
    "openai": Simulated(said=_openai, used=counted.openai_used, charged=_total("openai", 12)),
    "ovh": Simulated(
        said=_ovh,
        monthly=counted.services_cost,
        used=counted.ovh_used,
        charged=_total("ovh", 8),
        credentials=ovh.KEYS,
    ),
    "scaleway": Simulated(
        said=_scaleway,
        charged=_total("scaleway", 9),
        credentials={"secret_key": "planted-0123456789"},
        options={"organization_id": scaleway.ORGANIZATION},
    ),
    "stripe": Simulated(
        said=_stripe,
        used=counted.stripe_used(lambda spend, day: len(_at_once(spend, day))),
        charged=_stripe_total,
    ),
    "supabase": Simulated(
        said=_supabase,
        monthly=lambda _: {"organization": Decimal(25)},
        used=counted.supabase_used,
        charged=lambda spend, now: 25 * Decimal(len(spend.months(now))),
        per_day=60 * 60 * 24,
    ),
    "vercel": Simulated(
        said=_vercel,
        used=counted.vercel_used,
        charged=_total("vercel", 12, LOS_ANGELES),
        options={"team_id": vercel.TEAM},
    ),
    "wasabi": Simulated(
        said=_wasabi,
        used=counted.wasabi_used(_terabytes),
        charged=lambda spend, now: sum(
            (cost_of(day, Decimal(tb)) for day, tb in _terabytes(spend, now)), Decimal(0)
        ),
        credentials={"access_key": "PLANTED0123456789", "secret_key": "planted-0123456789abcdef"},
    ),
}
