"""The answers of the Supabase management API, as far as they are read.

Unknown fields are skipped. Statistics are typed loosely, since the vendor does not type them.
"""

import datetime as dt
from decimal import Decimal
from typing import cast

from msgspec import Struct, field

Scalar = int | str | float | bool | None


class Organization(Struct):
    """One of GET /v1/organizations; older answers have no slug, and the id is one."""

    id: str
    name: str
    slug: str | None = None


class OrganizationDetail(Struct):
    """GET /v1/organizations/{slug}."""

    plan: str | None = None


class Project(Struct):
    """One of GET /v1/projects; older answers have no ref, and the id is one."""

    id: str
    name: str
    ref: str | None = None
    organization_id: str | None = None
    organization_slug: str | None = None
    region: str | None = None
    status: str | None = None
    created_at: dt.datetime | None = None


class Price(Struct):
    """What a variant of an add-on costs."""

    amount: Decimal
    interval: str


class Variant(Struct):
    """A size or kind of an add-on."""

    id: str
    name: str | None = None
    price: Price | None = None


class SelectedAddon(Struct):
    """An add-on that a project has."""

    type: str
    variant: Variant


class AvailableAddon(Struct):
    """An add-on that a project could have."""

    type: str
    name: str | None = None
    variants: list[Variant] = field(default_factory=list)


class Addons(Struct):
    """GET /v1/projects/{ref}/billing/addons."""

    selected_addons: list[SelectedAddon]
    available_addons: list[AvailableAddon] = field(default_factory=list)


class DiskAttributes(Struct):
    """What a disk was made with."""

    size_gb: Decimal
    type: str | None = None
    iops: Decimal | None = None
    throughput_mibps: Decimal | None = None


class Disk(Struct):
    """GET /v1/projects/{ref}/config/disk."""

    attributes: DiskAttributes


class DiskMetrics(Struct):
    """How full a disk is."""

    fs_size_bytes: Decimal
    fs_used_bytes: Decimal


class DiskUse(Struct):
    """GET /v1/projects/{ref}/config/disk/util."""

    metrics: DiskMetrics


class Feature(Struct):
    """What an entitlement is about."""

    key: str


class EntitlementConfig(Struct):
    """How much a plan allows."""

    value: Decimal | None = None
    unlimited: bool = False


class Entitlement(Struct, rename={"has_access": "hasAccess"}):
    """One feature of a plan."""

    feature: Feature
    config: EntitlementConfig | None = None
    has_access: bool = True


class Entitlements(Struct):
    """GET /v1/organizations/{slug}/entitlements."""

    entitlements: list[Entitlement]


class Statistics(Struct):
    """GET .../analytics/endpoints/...: a 200 may hold an error and no result."""

    result: list[dict[str, object]] | None = None
    error: object = None


class Function(Struct):
    """One of GET /v1/projects/{ref}/functions."""

    id: str
    slug: str | None = None


class Rows(Struct):
    """POST .../database/query/read-only, as some proxies and older versions answer."""

    result: list[dict[str, Scalar]]


# A bare array is what the vendor answers; both are in use.
QueryAnswer = cast("type[Rows | list[dict[str, Scalar]]]", Rows | list[dict[str, Scalar]])
