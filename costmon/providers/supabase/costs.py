"""What a project costs by the hour or by the month: compute, other add-ons, disk."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from costmon.domain.resource import Basis
from costmon.pricing import PriceTable
from costmon.providers.supabase.answers import Addons, Disk, Price, SelectedAddon, Variant
from costmon.providers.supabase.api import checked, quoted, text
from costmon.providers.supabase.prices import FREE, HOURS_A_MONTH, INCLUDED_DISK_GB

COMPUTE = "compute_instance"
_MICRO = "ci_micro"
_PAUSED = frozenset({"INACTIVE", "PAUSED"})
_INCLUDED_IOPS, _INCLUDED_MIBPS = 3000, 125

Details = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """Who pays.

    Attributes:
        slug: Its id in paths.
        name: As people know it.
        plan: The vendor's word; `None` when it may not be seen.
    """

    slug: str
    name: str
    plan: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One project.

    Attributes:
        ref: Its id in paths.
        name: As people know it.
        organization: The slug of the one that pays; `None` when the vendor does not say.
        region: The vendor's region.
        status: The vendor's word.
        created_at: Aware UTC.
    """

    ref: str
    name: str
    organization: str | None
    region: str | None
    status: str | None
    created_at: dt.datetime | None

    @property
    def is_paused(self) -> bool:
        """Return whether it does not run, and compute is not charged."""
        return self.status in _PAUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something that costs as long as it is there.

    Attributes:
        kind: The kind of resource: `project` (its compute), `addon` or `disk`.
        id: Unique within the kind.
        name: For people.
        service: What is paid for, for people.
        size: The vendor's slug of the size.
        hourly: Price of one hour; `None`: it has a monthly price, or none is known.
        monthly: Price of a month; from an hourly price that of 730 hours; `None`: not known.
        basis: What kind of number the price is.
        unpriced: What is not in the price, in words; `None` when it is whole.
        details: For people.
    """

    kind: str
    id: str
    name: str
    service: str
    size: str | None
    hourly: Decimal | None
    monthly: Decimal | None
    basis: Basis
    unpriced: str | None
    details: Details


@dataclass(frozen=True, slots=True)
class _Cost:
    hourly: Decimal | None
    monthly: Decimal | None
    basis: Basis
    unpriced: str | None = None
    details: Details = ()


def items(
    project: Project,
    plan: str | None,
    addons: Addons | None,
    disk: Disk | None,
    prices: PriceTable,
) -> Iterator[Item]:
    """Return what of a project costs money, its compute first.

    Args:
        project: The project.
        plan: Its organization's plan; `None`: not known.
        addons: The add-ons; `None`: they may not be seen.
        disk: The disk; `None`: it may not be seen, or the project is paused.
        prices: For what the API has no price of.

    Raises:
        ProviderSchemaError: A price or a size is not one.
    """
    yield _compute(project, plan, addons, prices)
    types = {COMPUTE}
    for position, addon in enumerate(addons.selected_addons if addons else ()):
        # A project has at most one variant of each type.
        if addon.type not in types:
            types.add(addon.type)
            yield _addon(project, plan, addon, position, prices)
    if disk is not None:
        yield _disk(project, plan, disk, prices)


def _compute(project: Project, plan: str | None, addons: Addons | None, prices: PriceTable) -> Item:
    size = None
    if addons is None:
        cost = _not_known("compute: its add-ons could not be read")
    else:
        position, selected = next(
            (it for it in enumerate(addons.selected_addons) if it[1].type == COMPUTE),
            (None, None),
        )
        size = "nano" if selected is None else text(selected.variant.id)
        if project.is_paused:
            details = (("compute", "paused, not charged"),)
            cost = _Cost(None, Decimal(0), "list_price", None, details)
        else:
            # "In paid organizations, Nano Compute are billed at the same price as Micro."
            addon = selected or SelectedAddon(type=COMPUTE, variant=_micro(addons))
            cost = _priced(project, plan, addon, position, prices)
    return Item(
        kind="project",
        id=project.ref,
        name=project.name,
        service="Compute",
        size=size,
        hourly=cost.hourly,
        monthly=cost.monthly,
        basis=cost.basis,
        unpriced=cost.unpriced,
        details=cost.details,
    )


def _micro(addons: Addons) -> Variant:
    """Return the smallest size that is sold."""
    return next(
        (
            variant
            for addon in addons.available_addons
            for variant in addon.variants
            if addon.type == COMPUTE and variant.id == _MICRO
        ),
        Variant(id=_MICRO),
    )


def _addon(
    project: Project, plan: str | None, addon: SelectedAddon, position: int, prices: PriceTable
) -> Item:
    variant = addon.variant
    cost = _priced(project, plan, addon, position, prices)
    name = text(variant.name or variant.id)
    return Item(
        kind="addon",
        id=text(f"{project.ref}/{addon.type}"),
        name=f"{project.name}: {name}",
        service=text(addon.type.replace("_", " ").capitalize()),
        size=text(variant.id),
        hourly=cost.hourly,
        monthly=cost.monthly,
        basis=cost.basis,
        unpriced=cost.unpriced,
        details=cost.details,
    )


def _disk(project: Project, plan: str | None, disk: Disk, prices: PriceTable) -> Item:
    made = disk.attributes
    size_gb = checked(
        made.size_gb, f"/v1/projects/{quoted(project.ref)}/config/disk", "$.attributes.size_gb"
    )
    kind = made.type or "gp3"
    price = prices.price("disk", kind)
    if plan == FREE:
        cost = _Cost(None, Decimal(0), "plan")
    elif plan is None:
        cost = _PLAN_NOT_KNOWN
    elif price is None:
        cost = _not_known(f"a disk of the type '{text(kind)}' has no known price")
    else:
        fast = (made.iops or 0) > _INCLUDED_IOPS or (made.throughput_mibps or 0) > _INCLUDED_MIBPS
        beyond_gb = max(Decimal(0), size_gb - INCLUDED_DISK_GB)
        unpriced = "IOPS and throughput beyond what is included" if fast else None
        cost = _Cost(None, beyond_gb * price.amount, price.basis, unpriced)
    return Item(
        kind="disk",
        id=project.ref,
        name=f"{project.name}: disk",
        service="Disk",
        size=text(kind),
        hourly=None,
        monthly=cost.monthly,
        basis=cost.basis,
        unpriced=cost.unpriced,
        details=(("size_gb", format(size_gb.normalize(), "f")),),
    )


def _priced(
    project: Project,
    plan: str | None,
    addon: SelectedAddon,
    position: int | None,
    prices: PriceTable,
) -> _Cost:
    """Return what a variant costs: by the API, else by the user, else unknown."""
    if plan == FREE:
        return _Cost(None, Decimal(0), "plan", None, (("price", "included in the free plan"),))
    if plan is None:
        return _PLAN_NOT_KNOWN
    variant = addon.variant
    price = variant.price
    if price is None or price.interval not in {"hourly", "monthly"}:
        own = prices.price(addon.type, variant.id)
        if own is None:
            return _not_known(f"'{text(variant.id)}' has no known price")
        return _Cost(None, own.amount, own.basis)
    where = "$.available_addons" if position is None else f"$.selected_addons[{position}]"
    return _by_the_api(project, price, f"{where}.variant.price.amount")


def _by_the_api(project: Project, price: Price, where: str) -> _Cost:
    path = f"/v1/projects/{quoted(project.ref)}/billing/addons"
    amount = checked(price.amount, path, where)
    if price.interval == "hourly":
        return _Cost(amount, amount * HOURS_A_MONTH, "list_price")
    return _Cost(None, amount, "list_price")


def _not_known(unpriced: str) -> _Cost:
    return _Cost(None, None, "list_price", unpriced)


_PLAN_NOT_KNOWN = _not_known(
    "what the plan includes: the plan is not visible with this token "
    "(needs organization_admin_read)"
)
