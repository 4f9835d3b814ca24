"""Render droplets, their sizes and backup plans as the vendor's JSON does."""

import datetime as dt
import struct
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from costmon.demo.draw import draw, draw_id
from costmon.demo.holdings import Droplet
from costmon.demo.size import SIZES, Size

Json = dict[str, Any]

REGION_NAMES = {
    "ams3": "Amsterdam 3",
    "fra1": "Frankfurt 1",
    "nyc3": "New York 3",
    "sfo3": "San Francisco 3",
    "sgp1": "Singapore 1",
    "tor1": "Toronto 1",
}
_REGIONS = tuple(REGION_NAMES)
_PLAIN_SIZES = tuple(slug for slug, size in SIZES.items() if size.gpu is None)
_BASE_IMAGE_AT = "2025-10-09T08:12:33Z"


def render_time(moment: dt.datetime) -> str:
    """Return whole seconds in UTC with a Z, as the vendor writes times."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def render_region(slug: str) -> Json:
    """Return a region with the sizes that it offers."""
    return {
        "name": REGION_NAMES[slug],
        "slug": slug,
        "features": ["backups", "ipv6", "metadata", "storage"],
        "available": True,
        "sizes": _PLAIN_SIZES,
    }


def render_size(size: Size) -> Json:
    """Return a size; its hourly price carries the float noise that the vendor's has."""
    rendered: Json = {
        "slug": size.slug,
        "memory": size.memory_mib,
        "vcpus": size.vcpus,
        "disk": size.disk_gib,
        "transfer": size.transfer_tb,
        "price_monthly": float(size.monthly),
        "price_hourly": _single_precision(size.monthly / 672),
        "regions": _REGIONS,
        "available": True,
        "description": size.description,
    }
    if size.gpu is not None:
        rendered["gpu_info"] = _gpu_info(size.gpu)
    return rendered


def render_droplet(droplet: Droplet) -> Json:
    """Return one droplet with its size and region embedded."""
    size = droplet.size
    rendered: Json = {
        "id": droplet.id,
        "name": droplet.name,
        "memory": size.memory_mib,
        "vcpus": size.vcpus,
        "disk": size.disk_gib,
        "locked": False,
        "status": droplet.status,
        "kernel": None,
        "created_at": render_time(droplet.created_at),
        "features": ["ipv6"] if droplet.backups is None else ["backups", "ipv6"],
        "backup_ids": [],
        "next_backup_window": None if droplet.backups is None else _backup_window(droplet),
        "snapshot_ids": [],
        "image": {
            "id": 195932981,
            "name": "13 x64",
            "distribution": "Debian",
            "slug": "debian-13-x64",
            "public": True,
            "regions": _REGIONS,
            "created_at": _BASE_IMAGE_AT,
            "min_disk_size": 10,
            "type": "base",
            "size_gigabytes": 2.61,
            "status": "available",
        },
        "volume_ids": [],
        "size": render_size(size),
        "size_slug": size.slug,
        "networks": _networks(droplet.id),
        "region": render_region(droplet.region),
        "tags": droplet.tags,
        "vpc_uuid": draw_id(0, "vpc", droplet.region),
    }
    if size.gpu is not None:
        rendered["gpu_info"] = _gpu_info(size.gpu)
    return rendered


def render_policies(droplets: Iterable[Droplet]) -> dict[str, Json]:
    """Return the backup plans by droplet id; each droplet must have one."""
    return {
        str(droplet.id): {
            "droplet_id": droplet.id,
            "backup_enabled": True,
            "backup_policy": _backup_policy(droplet),
            "next_backup_window": _backup_window(droplet),
        }
        for droplet in droplets
    }


def _single_precision(price: Decimal) -> float:
    (noisy,) = struct.unpack("f", struct.pack("f", float(round(price, 5))))
    return float(noisy)


def _gpu_info(gpu: tuple[str, int]) -> Json:
    model, memory_gib = gpu
    return {"count": 1, "model": model, "vram": {"amount": memory_gib, "unit": "gib"}}


def _backup_policy(droplet: Droplet) -> Json:
    if droplet.backups == "daily":
        return {"plan": "daily", "hour": 4, "window_length_hours": 4, "retention_period_days": 7}
    return {
        "plan": "weekly",
        "weekday": "SUN",
        "hour": 4,
        "window_length_hours": 4,
        "retention_period_days": 28,
    }


def _backup_window(droplet: Droplet) -> Json:
    start = droplet.created_at.replace(hour=4, minute=0, second=0) + dt.timedelta(days=7)
    return {"start": render_time(start), "end": render_time(start + dt.timedelta(hours=4))}


def _networks(droplet_id: int) -> Json:
    host = draw(0, "host", droplet_id, below=254) + 1
    return {
        "v4": [
            {
                "ip_address": f"198.51.100.{host}",
                "netmask": "255.255.255.0",
                "gateway": "198.51.100.254",
                "type": "public",
            }
        ],
        "v6": [],
    }
