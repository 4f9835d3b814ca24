"""What Cost Explorer answers, in the form of its API; the values are ours."""

import datetime as dt
import json
from decimal import Decimal

from costmon.testing import Asked

KEYS = {"access_key": "AKIAPLANTED0123456789", "secret_key": "planted-secret-0123456789abcdef"}


def amount(digits, unit="USD"):
    return {"Amount": digits, "Unit": unit}


def group(service, digits, linked="111122223333", **metrics):
    return {
        "Keys": [service, linked],
        "Metrics": {"UnblendedCost": amount(digits), **metrics},
    }


def day(date, *groups, estimated=True, total=None):
    start = dt.date.fromisoformat(date)
    return {
        "TimePeriod": {"Start": date, "End": (start + dt.timedelta(days=1)).isoformat()},
        "Total": total or {},
        "Groups": list(groups),
        "Estimated": estimated,
    }


def costs(*days, token=None):
    answer = {
        "GroupDefinitions": [{"Type": "DIMENSION", "Key": "SERVICE"}],
        "ResultsByTime": list(days),
        "DimensionValueAttributes": [
            {"Value": "111122223333", "Attributes": {"description": "production"}}
        ],
    }
    return answer if token is None else {**answer, "NextPageToken": token}


NEWER = (
    day(
        "2026-11-19",
        group("Amazon Elastic Compute Cloud - Compute", "4.1294931175"),
        group("Tax", "1.52"),
        group("Amazon Simple Storage Service", "-0.0000000123", "444455556666"),
    ),
)
OLDER = (day("2026-11-20", group("AWS Lambda", "0")), day("2026-11-21"))
ACCOUNT = {"/": costs(*NEWER, *OLDER)}
ROWS, TOTAL = 4, Decimal("5.6494931052")


def asked_for(asked: Asked):
    """Return the first day that a request asks for, the day after the last, and the token."""
    body = json.loads(asked.body)
    period = body["TimePeriod"]
    dates = (dt.date.fromisoformat(period[end]) for end in ("Start", "End"))
    return (*dates, body.get("NextPageToken"))


def pages(asked: Asked):
    """Return the first page, or the one that its token leads to."""
    token = asked_for(asked)[2]
    return costs(*OLDER) if token == "second" else costs(*NEWER, token="second")


def history(asked: Asked):
    """Return 0.01 on the 1st of each month that is asked for."""
    start, end, _ = asked_for(asked)
    days = (start + dt.timedelta(days=number) for number in range((end - start).days))
    return costs(
        *(day(one.isoformat(), group("AWS Lambda", "0.01")) for one in days if one.day == 1)
    )
