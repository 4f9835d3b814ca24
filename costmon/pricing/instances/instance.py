"""One size of machine that a cloud rents by the hour, and what it costs."""

import datetime as dt
import re
from decimal import Decimal
from typing import Literal, NamedTuple

from costmon.pricing.aws.tiers import Tier

Arch = Literal["x86_64", "arm64"]
Basis = Literal["list_price", "manual"]

ALWAYS = Decimal(1)
"""The baseline of a type that is not burstable."""


class Shape(NamedTuple):
    """The size of a type of machine, whatever it costs.

    Attributes:
        vcpu: Virtual CPUs that a program sees.
        memory_gib: GiB.
        arch: Of its processor.
        baseline: Share of its vCPUs that it may use all the time; default: 1, not burstable.
    """

    vcpu: Decimal
    memory_gib: Decimal
    arch: Arch = "x86_64"
    baseline: Decimal = ALWAYS


class Instance(NamedTuple):
    """A type of machine in one region, on demand, with Linux.

    Attributes:
        provider: `AWS`, `GCP` or `AZURE`.
        region: As the provider writes it.
        name: Of the type, as the provider writes it.
        vcpu: Virtual CPUs that a program sees.
        memory_gib: GiB.
        arch: Of its processor.
        baseline: Share of its vCPUs that it may use all the time: 1 if it is not burstable.
        hourly_usd: US dollars an hour, above 0.
        as_of: The day for which the price was published.
        source: Where it was read, in words.
        basis: `manual` when the user gave it.
    """

    provider: str
    region: str
    name: str
    vcpu: Decimal
    memory_gib: Decimal
    arch: Arch
    baseline: Decimal
    hourly_usd: Decimal
    as_of: dt.date
    source: str
    basis: Basis = "list_price"


class RegionPrices(NamedTuple):
    """What machines and traffic cost in one region.

    Attributes:
        provider: `AWS`, `GCP` or `AZURE`.
        region: As the provider writes it.
        instances: At least one; by name.
        egress: To the internet, by month: dollars for a GB (2**30 bytes), the free allowance being
            a tier with the price 0; empty when the price of traffic is not known.
        as_of: Of the oldest price in it, traffic included.
        source: Where the prices were read, in words.
        egress_as_of: Of the prices of traffic; `None` when there are none.
        egress_source: Where those were read; empty when there are none.
        machines_of: The region whose machines stand in for those of `region`, whose prices are not
            known; empty: they are those of `region`.
    """

    provider: str
    region: str
    instances: tuple[Instance, ...]
    egress: tuple[Tier, ...]
    as_of: dt.date
    source: str
    egress_as_of: dt.date | None = None
    egress_source: str = ""
    machines_of: str = ""


class Fault(NamedTuple):
    """Why a row is not valid.

    Attributes:
        field: Of the row.
        given: The value, as text.
        accepted: What is accepted.
    """

    field: str
    given: str
    accepted: str


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", re.ASCII)
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
_MOST_SOURCE = 200

# Beyond any machine that is rented: larger numbers are typing errors, or in other units.
_MOST = {"vcpu": 10_000, "memory_gib": 1_000_000, "baseline": 1, "hourly_usd": 100_000}


def fault_of(row: Instance) -> Fault | None:
    """Return what is wrong with a row; `None` when it can be used. A price of 0 is wrong."""
    if not _NAME.fullmatch(row.name):
        return _fault(row, "name", "letters, digits, dots, dashes and underscores, at most 80")
    if not _REGION.fullmatch(row.region):
        return _fault(row, "region", "lower-case letters, digits and dashes, at most 40")
    if row.arch not in {"x86_64", "arm64"}:
        return _fault(row, "arch", "x86_64 or arm64")
    if not row.source.isprintable() or len(row.source) > _MOST_SOURCE:
        return _fault(row, "source", f"one line of at most {_MOST_SOURCE} characters")
    for field, most in _MOST.items():
        number: object = getattr(row, field)
        if not isinstance(number, Decimal) or not number.is_finite() or not 0 < number <= most:
            return _fault(row, field, f"a decimal above 0 and at most {most}")
    return None


def _fault(row: Instance, field: str, accepted: str) -> Fault:
    return Fault(field, repr(str(getattr(row, field))[:60]), accepted)
