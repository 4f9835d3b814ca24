"""One size of machine that a cloud rents by the hour, and what it costs."""

import datetime as dt
from decimal import Decimal
from typing import Literal, NamedTuple

from costmon.pricing.aws.tiers import Tier

Arch = Literal["x86_64", "arm64"]
Basis = Literal["list_price", "manual"]


class Instance(NamedTuple):
    """A type of machine in one region, on demand, with Linux.

    Attributes:
        provider: `AWS`, `GCP` or `AZURE`.
        region: As the provider writes it.
        name: Of the type, as the provider writes it.
        vcpu: Virtual CPUs that a program sees.
        memory_gib: GiB.
        arch: Of its processor.
        baseline: Share of its vCPUs that it may use for ever: 1 unless it is burstable.
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
            a tier with the price 0.
        as_of: Of the oldest price in it.
        source: Where the prices were read, in words.
    """

    provider: str
    region: str
    instances: tuple[Instance, ...]
    egress: tuple[Tier, ...]
    as_of: dt.date
    source: str
