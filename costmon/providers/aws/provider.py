"""Read what AWS charges, from Cost Explorer.

Source: https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html
Units: texts in major units of a currency, mostly USD.
Lag: up to a day, refreshed some times a day; days of an open month are estimates.
Needs: `ce:GetCostAndUsage`. Each request, and each page, costs 0.01 USD.
"""

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct, field

from costmon.domain.charge import Charge, ChargeWindow
from costmon.domain.resource import Gap
from costmon.domain.usage import Quantity, UsageReading
from costmon.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderPermissionError,
    ProviderPlanError,
    ProviderRateLimitError,
    ProviderSchemaError,
)
from costmon.providers.base import Provider, ProviderSetup
from costmon.providers.figures import ChargeRows, Poll, Span, billed_usage
from costmon.providers.reading import EXACT, Answers, Numbers, midnight, months

SLUG = "aws"
PATH = "/"
TARGET = "AWSInsightsIndexService.GetCostAndUsage"
REQUEST_COST = Decimal("0.01")

_RESTATED = dt.timedelta(days=7)
_SETTLING = dt.timedelta(days=2)
_DAY = dt.timedelta(days=1)
_REGION = re.compile(r"ce\.(?P<region>[a-z0-9-]+)\.amazonaws\.com")
_CURRENCY = "^[A-Za-z]{3}$"
_MOST_PAGES = 500
_AUTH = b"UnrecognizedClient InvalidSignature ExpiredToken InvalidClientTokenId".split()
_AUTH += b"IncompleteSignature MissingAuthenticationToken".split()

Sign = Callable[
    [Mapping[str, str], str, str, bytes, Mapping[str, str]],
    Mapping[str, str],
]
Date = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}")]


class Amount(Numbers, rename="pascal"):
    """An amount of money."""

    amount: Decimal
    unit: Annotated[str, Meta(pattern=_CURRENCY)]


class Metrics(Struct, rename="pascal"):
    """What something costs: as invoiced, and with what was paid in advance spread over time."""

    unblended_cost: Amount
    amortized_cost: Amount | None = None


class Group(Struct, rename="pascal"):
    """One service of one linked account."""

    keys: list[str]
    metrics: Metrics


class Period(Struct, rename="pascal"):
    """A day; its end is not part of it."""

    start: Date
    end: Date


class Total(Struct, rename="pascal"):
    """What a day costs as a whole; empty when it is in groups."""

    unblended_cost: Amount | None = None
    amortized_cost: Amount | None = None


class Day(Struct, rename="pascal"):
    """What was charged in a day."""

    time_period: Period
    groups: list[Group]
    total: Total = field(default_factory=Total)
    estimated: bool = False


class Description(Struct):
    """What a linked account is called."""

    description: str | None = None


class Attribute(Struct, rename="pascal"):
    """What AWS knows of a linked account."""

    value: str
    attributes: Description = field(default_factory=Description)


class CostAndUsage(Struct, rename="pascal"):
    """The answer of GetCostAndUsage."""

    results_by_time: list[Day]
    next_page_token: str | None = None
    dimension_value_attributes: list[Attribute] = []


class Row(Struct):
    """What is kept of a row."""

    keys: list[str]
    metrics: Metrics
    estimated: bool


class Aws(Provider):
    """One AWS account, or an organization's paying account."""

    def __init__(self, setup: ProviderSetup, sign: Sign | None) -> None:
        """Read through the client of `setup`; `sign` is `signed_headers`, if there is botocore."""
        self._sign = sign
        self._answers = Answers(SLUG, setup.outbound, _meant)
        self._credentials = setup.credentials
        self._allowance = setup.allowance
        self._host = setup.outbound.host
        known = _REGION.fullmatch(self._host)
        self._region = known["region"] if known else "us-east-1"

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return the months that may still change in one window; at first 12 months more.

        Raises:
            ProviderRateLimitError: No further request may be sent today.
            ProviderError: Anything else; see `costmon.errors`.
        """
        spans = list(months(now, known_through, _RESTATED))
        start, end = spans[0]
        oldest = spans[-1][0]
        # One request for all months costs less than one for each.
        windows = [(oldest, end)]
        if known_through is None and oldest < start:
            windows = [(start, end), (oldest, start)]
        for first, last in windows:
            # AWS moves amounts between days and services until the month is closed.
            yield Poll(SLUG, account, now).window(
                first, last, self._charges(account, first, last), settling=_SETTLING
            )

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return how many requests were sent today and what they cost; sends none."""
        quantities, gaps = tuple[Quantity, ...](), tuple[Gap, ...]()
        try:
            taken = None if self._allowance is None else self._allowance.taken()
        except OSError as error:
            taken = None
            gaps = (Gap(kind="cost_explorer_requests", reason=error.strerror or "not readable"),)
        if taken is not None:
            today = Span.day(now)
            quantities = (
                today.quantity("cost_explorer_requests", "Requests", Decimal(taken)),
                today.quantity("cost_explorer_cost", "USD", taken * REQUEST_COST),
            )
        return Poll(SLUG, account, now).usage(quantities, gaps)

    def _charges(self, account: str, start: dt.datetime, end: dt.datetime) -> tuple[Charge, ...]:
        pages = self._pages(start, end)
        names = {
            one.value: one.attributes.description
            for page in pages
            for one in page.dimension_value_attributes
        }
        rows = ChargeRows(self._answers, PATH)
        for page in pages:
            for number, day in enumerate(page.results_by_time):
                where = f"$.ResultsByTime[{number}]"
                moment = self._moment(day.time_period.start, where)
                if not start <= moment < end:
                    raise self._fault("a day that was not asked for", f"{where}.TimePeriod.Start")
                for place, row in _rows(day, where):
                    rows.add(self._charge(account, moment, row, names), place)
            rows.turn_page()
        return rows.charges

    def _pages(self, start: dt.datetime, end: dt.datetime) -> tuple[CostAndUsage, ...]:
        """Return all pages of the days from `start` to `end`."""
        asked: dict[str, object] = {
            # The end is not part of it; it is at most the first of the next month.
            "TimePeriod": {
                "Start": f"{start:%Y-%m-%d}",
                "End": f"{end if end == midnight(end) else end + _DAY:%Y-%m-%d}",
            },
            "Granularity": "DAILY",
            # No filter: one of record types would hide tax, support and plans.
            "Metrics": ["UnblendedCost", "AmortizedCost"],
            "GroupBy": [
                {"Type": "DIMENSION", "Key": "SERVICE"},
                {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"},
            ],
        }
        pages: list[CostAndUsage] = []
        seen: set[str] = set()
        while True:
            page = self._ask(asked)
            pages.append(page)
            token = page.next_page_token
            if not token:
                return tuple(pages)
            if token in seen or len(pages) >= _MOST_PAGES:
                # To go on would cost money for ever.
                raise self._fault("incomplete: the token of a page repeats", "$.NextPageToken")
            seen.add(token)
            asked["NextPageToken"] = token

    def _ask(self, asked: Mapping[str, object]) -> CostAndUsage:
        body = json.dumps(asked).encode()
        if self._sign is None:
            raise ProviderAuthError(
                provider=SLUG,
                endpoint=f"POST {PATH}",
                detail="requests cannot be signed, because botocore is not installed",
                hint='pip install "costmon[aws]"',
            )
        headers = self._sign(
            self._credentials,
            f"https://{self._host}{PATH}",
            self._region,
            body,
            {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET},
        )
        return self._answers.post(PATH, body, CostAndUsage, headers)

    def _charge(
        self,
        account: str,
        day: dt.datetime,
        row: Row,
        names: Mapping[str, str | None],
    ) -> Charge:
        billed, amortized = row.metrics.unblended_cost, row.metrics.amortized_cost
        service, linked = (*row.keys, "", "")[:2]
        currency = billed.unit.upper()
        charge = billed_usage(
            row,
            key=(day.date().isoformat(), *row.keys, currency),
            start=day,
            end=day + _DAY,
            billed=billed.amount,
            currency=currency,
            service=service or "AWS",
            service_category=_category(service),
            vendor="AWS",
            account_id=account,
        )
        same = amortized is not None and amortized.unit.upper() == currency
        return replace(
            charge,
            basis="metered" if row.estimated else "billed",
            charge_category="Tax" if service == "Tax" else charge.charge_category,
            effective_cost=amortized.amount if amortized is not None and same else billed.amount,
            sub_account_id=linked or None,
            sub_account_name=names.get(linked) if linked else None,
            sub_account_type="linked account" if linked else None,
        )

    def _moment(self, date: str, where: str) -> dt.datetime:
        try:
            return dt.datetime.fromisoformat(date[:10]).replace(tzinfo=dt.UTC)
        except ValueError:
            pass
        raise self._fault("not a date", f"{where}.TimePeriod.Start")

    def _fault(self, detail: str, where: str) -> ProviderSchemaError:
        return self._answers.fault(PATH, detail, where, method="POST")


def _rows(day: Day, where: str) -> Iterator[tuple[str, Row]]:
    """Return the groups of a day; without any, its total."""
    for number, group in enumerate(day.groups):
        place = f"{where}.Groups[{number}].Metrics"
        yield place, Row(group.keys, group.metrics, day.estimated)
    total = day.total.unblended_cost
    if not day.groups and total is not None and EXACT.abs(total.amount):
        metrics = Metrics(total, day.total.amortized_cost)
        yield f"{where}.Total", Row([], metrics, day.estimated)


def _category(service: str) -> str:
    """Return the FOCUS category of a service, as far as its name tells."""
    for words, category in _CATEGORIES.items():
        if any(word in service for word in words.split("|")):
            return category
    return "Other"


_CATEGORIES = {
    "Bedrock|SageMaker|Rekognition|Comprehend|Textract": "AI and Machine Learning",
    "Elastic Compute Cloud|Lambda|Container|Kubernetes|Lightsail|Fargate": "Compute",
    "Relational Database|DynamoDB|ElastiCache|Redshift|Neptune|DocumentDB": "Databases",
    "Simple Storage|Elastic File|Glacier|Backup|FSx": "Storage",
    "CloudFront|Virtual Private Cloud|Route 53|Load Balancing|Data Transfer": "Networking",
    "CloudWatch|CloudTrail|Config|Cost Explorer|Systems Manager": "Management and Governance",
    "Key Management|Secrets Manager|GuardDuty|WAF|Shield": "Security",
}


def _meant(error: ProviderError) -> ProviderError:
    """Return what AWS means by a refusal: the status is 400 for all of them."""
    if not isinstance(error, ProviderSchemaError | ProviderPermissionError):
        return error
    answer = error.answer
    if b"AccessDenied" in answer or error.status == 403:  # noqa: PLR2004 - forbidden
        detail = f"the key is not allowed to read this ({error.status})"
        hint = "allow ce:GetCostAndUsage; in a member account, the paying one must allow it, too"
        return error.explained(ProviderPermissionError, detail=detail, hint=hint)
    if any(name in answer for name in _AUTH):
        detail = f"the key or its signature was rejected ({error.status})"
        hint = "check the keys, the session token's age and this machine's clock"
        return error.explained(ProviderAuthError, detail=detail, hint=hint)
    if b"LimitExceeded" in answer or b"Throttling" in answer:
        return error.explained(ProviderRateLimitError, detail="too many requests", hint="wait")
    if b"DataUnavailable" in answer:
        detail = "Cost Explorer has no data yet"
        hint = "switch it on in the console; the first data take a day"
        return error.explained(ProviderPlanError, detail=detail, hint=hint)
    return error
