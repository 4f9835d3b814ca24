"""The part of the simulated account that lasts: a small shop, with some waste in it."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from costmon.demo.draw import draw, draw_id
from costmon.demo.holdings import (
    App,
    Database,
    Droplet,
    LoadBalancer,
    Registry,
    ReservedIp,
    Snapshot,
    Volume,
)
from costmon.demo.size import SIZES

REGION = "fra1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What a seed and a day of start always give.

    Attributes:
        seed: Chooses ids and times of day.
        started_at: Its day is what the ages are counted from, aware UTC.
    """

    seed: int
    started_at: dt.datetime

    def droplets(self) -> tuple[Droplet, ...]:
        """Return the droplets that do not come and go, one of them switched off."""
        return (
            Droplet(
                id=self._droplet_id("shop-web-1"),
                name="shop-web-1",
                size=SIZES["s-1vcpu-1gb"],
                region=REGION,
                status="active",
                created_at=self._days_ago(212, "shop-web-1"),
                tags=("shop", "web"),
                backups="weekly",
            ),
            Droplet(
                id=self._droplet_id("shop-api-1"),
                name="shop-api-1",
                size=SIZES["s-1vcpu-2gb"],
                region=REGION,
                status="active",
                created_at=self._days_ago(96, "shop-api-1"),
                tags=("shop",),
                backups="daily",
            ),
            Droplet(
                id=self._droplet_id("old-staging"),
                name="old-staging",
                size=SIZES["s-1vcpu-512mb-10gb"],
                region="ams3",
                status="off",
                created_at=self._days_ago(401, "old-staging"),
            ),
        )

    def volumes(self, droplets: tuple[Droplet, ...]) -> tuple[Volume, ...]:
        """Return the volumes, one of which nothing uses."""
        return (
            Volume(
                id=draw_id(self.seed, "shop-uploads"),
                name="shop-uploads",
                gib=20,
                region=REGION,
                created_at=self._days_ago(90, "shop-uploads"),
                droplet_id=droplets[0].id,
            ),
            Volume(
                id=draw_id(self.seed, "migration-scratch"),
                name="migration-scratch",
                gib=10,
                region="ams3",
                created_at=self._days_ago(180, "migration-scratch"),
                droplet_id=None,
            ),
        )

    def snapshots(self, droplets: tuple[Droplet, ...]) -> tuple[Snapshot, ...]:
        """Return a snapshot of a droplet and one of a volume."""
        return (
            Snapshot(
                id=str(100_000_000 + draw(self.seed, "before-upgrade", below=100_000_000)),
                name="shop-api-1-before-upgrade",
                gib=Decimal("8.4"),
                region=REGION,
                created_at=self._days_ago(33, "before-upgrade"),
                source_id=str(droplets[1].id),
                source="droplet",
            ),
            Snapshot(
                id=draw_id(self.seed, "uploads-copy"),
                name="shop-uploads-copy",
                gib=Decimal("3.25"),
                region=REGION,
                created_at=self._days_ago(12, "uploads-copy"),
                source_id=draw_id(self.seed, "shop-uploads"),
                source="volume",
            ),
        )

    def load_balancers(self) -> tuple[LoadBalancer, ...]:
        """Return the load balancer in front of the shop."""
        return (
            LoadBalancer(
                id=draw_id(self.seed, "shop-front"),
                name="shop-front",
                nodes=1,
                region=REGION,
                created_at=self._days_ago(200, "shop-front"),
                tag="web",
            ),
        )

    def reserved_ips(self, droplets: tuple[Droplet, ...]) -> tuple[ReservedIp, ...]:
        """Return the IPv4 addresses, one of which no droplet has."""
        # 192.0.2.0/24 is reserved for documentation (RFC 5737), 2001:db8::/32 likewise (RFC 3849).
        return (
            ReservedIp(
                ip="192.0.2.10",
                region=REGION,
                droplet=droplets[0],
                reserved_at=self._days_ago(200, "192.0.2.10"),
            ),
            ReservedIp(
                ip="192.0.2.11",
                region="ams3",
                droplet=None,
                reserved_at=self._days_ago(170, "192.0.2.11"),
            ),
        )

    def reserved_ipv6(self, droplets: tuple[Droplet, ...]) -> tuple[ReservedIp, ...]:
        """Return the IPv6 addresses, which cost nothing."""
        return (
            ReservedIp(
                ip="2001:db8:0:1::10",
                region=REGION,
                droplet=droplets[1],
                reserved_at=self._days_ago(96, "2001:db8:0:1::10"),
            ),
        )

    def databases(self) -> tuple[Database, ...]:
        """Return the database."""
        return (
            Database(
                id=draw_id(self.seed, "shop-db"),
                name="shop-db",
                engine="pg",
                version="17",
                nodes=1,
                size="db-s-1vcpu-1gb",
                region=REGION,
                storage_mib=10240,
                created_at=self._days_ago(212, "shop-db"),
            ),
        )

    def registry(self) -> Registry:
        """Return the container registry."""
        return Registry(
            name="shop-images",
            region=REGION,
            tier="basic",
            monthly=Decimal("5.00"),
            stored_bytes=1_870_331_904,
            created_at=self._days_ago(150, "registry"),
        )

    def apps(self) -> tuple[App, ...]:
        """Return the app of the documentation site."""
        return (
            App(
                id=draw_id(self.seed, "shop-docs"),
                name="shop-docs",
                region="fra",
                instance_size="apps-s-1vcpu-0.5gb",
                instances=1,
                created_at=self._days_ago(60, "shop-docs"),
            ),
        )

    def _days_ago(self, days: int, name: str) -> dt.datetime:
        # Counted from midnight, so that a demo started again on the same day finds the same shop.
        midnight = self.started_at.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - dt.timedelta(
            days=days, seconds=draw(self.seed, name, "time", below=86400)
        )

    def _droplet_id(self, name: str) -> int:
        return 100_000_000 + draw(self.seed, "droplet", name, below=200_000_000)
