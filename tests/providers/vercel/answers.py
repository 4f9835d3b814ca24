"""Answers of Vercel for tests, in our own values: a team with seats, projects and a flat rate."""

import datetime as dt
import json

# Days in Los Angeles: midnight is 08:00Z in winter, 07:00Z in summer.
FIRST = "2026-11-02T08:00:00.000Z"
SECOND = "2026-11-03T08:00:00.000Z"
THIRD = "2026-11-04T08:00:00.000Z"

TEAM = "team_Kf3wQ81mZr"
SHOP = {"ProjectId": "prj_aa1", "ProjectName": "shop"}
BLOG = {"ProjectId": "prj_bb2", "ProjectName": "blog"}


def row(service, start=FIRST, end=None, **fields):
    """Return one row as Vercel writes it, of a day unless it says otherwise."""
    following = dt.datetime.fromisoformat(start) + dt.timedelta(days=1)
    return {
        "BilledCost": 0,
        "EffectiveCost": 0,
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "ChargePeriodStart": start,
        "ChargePeriodEnd": end or following.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "ServiceName": service,
        "ServiceProviderName": "Vercel",
        "PricingCategory": "Standard",
        "PricingCurrency": "USD",
        "Tags": {},
        **fields,
    }


def used(service, quantity, unit, tags=SHOP, **fields):
    """Return a row of use."""
    return row(
        service,
        ConsumedQuantity=quantity,
        ConsumedUnit=unit,
        PricingQuantity=quantity,
        PricingUnit=unit,
        Tags=tags,
        RegionId="fra1",
        RegionName="Frankfurt, Germany",
        **fields,
    )


def team():
    """Return the rows of two days in November 2026."""
    return [
        used(
            "Fast Data Transfer",
            12.5,
            "GB",
            EffectiveCost=1.875,
            ServiceCategory="Networking",
        ),
        used("Fast Data Transfer", 3, "GB", BLOG, EffectiveCost=0.45),
        used("Function Invocations", 640000, "Invocations", EffectiveCost=0.384),
        used("Function Invocations", 1200, "Invocations", BLOG, EffectiveCost=0.00072),
        used("Fluid Provisioned Memory", 7200, "GB-Seconds", EffectiveCost=0.0212),
        used("Function Duration", 1.5, "GB-Hours", BLOG, EffectiveCost=0.0159),
        used("Fluid Active CPU", 1800, "Seconds", EffectiveCost=0.064),
        used("Edge Requests", 250000, "requests", {"FlatRate": "true"}, start=SECOND, end=THIRD),
        used(
            "Serverless Function Execution",
            3600,
            "GB-Seconds",
            {},
            start=SECOND,
            end=THIRD,
            BilledCost=10.000000000001,
            EffectiveCost=8,
            PricingCategory="Committed",
        )
        | {"PricingUnit": "MIUs", "PricingQuantity": 100},
        row(
            "Pro",
            ChargeCategory="Purchase",
            BilledCost=40,
            EffectiveCost=1.333333333333,
            PricingQuantity=2,
            PricingUnit="Seats",
            ServiceCategory="Subscription Licenses",
            Tags={"ProjectId": None},
        ),
    ]


def jsonl(rows):
    """Return rows as the body of an answer."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in rows)


def refused(code, **more):
    """Return the body of a refusal."""
    return {"error": {"code": code, "message": "Not good", **more}}


def deployments(numbers, following=None, *, first=1793900000000):
    """Return a page of deployments, the newest first."""
    listed = [{"uid": f"dpl_{n}", "created": first + n, "state": "READY"} for n in numbers]
    return {
        "deployments": listed,
        "pagination": {"count": len(listed), "next": following, "prev": None},
    }


LEDGER = {
    "currency": "USD",
    "title": "Included credit",
    "periodStart": "2026-11-01T07:00:00.000Z",
    "periodEnd": "2026-12-01T08:00:00.000Z",
    "total": 40,
    "remaining": 37.19,
}
CREDIT = {"creditLedgers": [LEDGER], "cadence": "monthly"}
