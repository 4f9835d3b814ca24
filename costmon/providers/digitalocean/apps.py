"""App Platform: instances times the price of their size, as the vendor's own API names it."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from costmon.domain.resource import Resource
from costmon.pricing import calculate_monthly_cost
from costmon.providers.digitalocean.answers import App, AppComponent, AppSpec, InstanceSize
from costmon.providers.digitalocean.factory import Cost, ResourceFactory
from costmon.providers.digitalocean.values import price_of, text

APPS = "/v2/apps"
INSTANCE_SIZES = "/v2/apps/tiers/instance_sizes"


def apps(
    make: ResourceFactory, found: Iterable[App], sizes: Mapping[str, Decimal]
) -> list[Resource]:
    """Return the apps; `sizes` are the monthly prices of one instance by slug."""
    return [
        make.resource(
            kind="app",
            id=app.id,
            name=app.spec.name,
            region=app.spec.region,
            size=None,
            status=None,
            created_at=app.created_at,
            cost=_cost(app.spec, sizes),
        )
        for app in found
    ]


def instance_prices(sizes: Iterable[InstanceSize]) -> dict[str, Decimal]:
    """Return the price of one instance by slug, of those that have a usable one."""
    prices = ((size.slug, price_of(size.usd_per_month)) for size in sizes)
    return {slug: price for slug, price in prices if price is not None}


def _cost(spec: AppSpec, sizes: Mapping[str, Decimal]) -> Cost:
    unpriced: list[str] = []
    known: list[Decimal] = []
    for component in (*(spec.services or ()), *(spec.workers or ())):
        instances, doubt = _instances(component)
        slug = component.instance_size_slug
        price = sizes.get(slug) if slug is not None else None
        if price is None:
            unpriced.append(f"instance size '{text(slug or 'unknown')}' has no known price")
            continue
        known.append(calculate_monthly_cost(price, quantity=instances))
        if doubt:
            unpriced.append(doubt)
    unpriced += _without_price(spec)
    return Cost(
        monthly=sum(known, Decimal(0)) if known or not unpriced else None,
        basis="list_price",
        unpriced="; ".join(unpriced) or None,
    )


def _instances(component: AppComponent) -> tuple[int, str | None]:
    scaling = component.autoscaling
    if scaling is None:
        # One is what the vendor runs when the number is left out.
        return (1 if component.instance_count is None else component.instance_count), None
    least = scaling.min_instance_count or 1
    return least, f"scales from {least} to {scaling.max_instance_count or 'many'} instances"


def _without_price(spec: AppSpec) -> list[str]:
    """Say what an app has whose price the API does not tell."""
    parts = (
        ("static sites", len(spec.static_sites or ())),
        ("jobs, charged while they run", len(spec.jobs or ())),
        ("functions, charged by use", len(spec.functions or ())),
        ("development databases", sum(not base.production for base in spec.databases or ())),
    )
    return [f"{count} {what}" for what, count in parts if count]
