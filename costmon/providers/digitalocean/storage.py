"""Volumes and snapshots: GiB times a list price, attached or not."""

from collections.abc import Iterable

from msgspec import UNSET

from costmon.domain.resource import Resource
from costmon.providers.digitalocean.answers import Snapshot, Volume
from costmon.providers.digitalocean.factory import Cost, ResourceFactory
from costmon.providers.digitalocean.values import quantity

VOLUMES = "/v2/volumes"
SNAPSHOTS = "/v2/snapshots"
_UNATTACHED = "not attached to a droplet, still charged in full"
_NO_SIZE = Cost(monthly=None, basis="list_price", unpriced="its size is not visible")


def volumes(make: ResourceFactory, page: Iterable[Volume]) -> list[Resource]:
    """Return the volumes of a page; one that is attached to nothing is waste."""
    return [
        make.resource(
            kind="volume",
            id=volume.id,
            name=volume.name,
            region=volume.region.slug if volume.region else None,
            size=None if volume.size_gigabytes is None else f"{volume.size_gigabytes} GiB",
            status=None,
            created_at=volume.created_at,
            cost=_NO_SIZE
            if volume.size_gigabytes is None
            else make.cost("volume", "gib", volume.size_gigabytes),
            waste=None if volume.droplet_ids is UNSET or volume.droplet_ids else _UNATTACHED,
        )
        for volume in page
    ]


def snapshots(make: ResourceFactory, page: Iterable[Snapshot]) -> list[Resource]:
    """Return the snapshots of a page."""
    found = []
    for snapshot in page:
        gibibytes = quantity(snapshot.size_gigabytes)
        regions = snapshot.regions or []
        found.append(
            make.resource(
                kind="snapshot",
                id=snapshot.id,
                name=snapshot.name,
                region=regions[0] if len(regions) == 1 else None,
                size=None if gibibytes is None else f"{gibibytes} GiB",
                status=None,
                created_at=snapshot.created_at,
                cost=_NO_SIZE if gibibytes is None else make.cost("snapshot", "gib", gibibytes),
                details=(
                    ("of", snapshot.resource_type or "unknown"),
                    ("regions", ",".join(regions)),
                ),
            )
        )
    return found
