"""Say what the simulated account holds at a moment: a small shop that scales with its visitors."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from costmon.demo import schedule
from costmon.demo.bill import balance_at
from costmon.demo.draw import draw, draw_id
from costmon.demo.holdings import (
    App,
    Cluster,
    Database,
    Droplet,
    Holdings,
    LoadBalancer,
    Registry,
    ReservedIp,
    Snapshot,
    Volume,
)
from costmon.demo.size import SIZES

_REGION = "fra1"
_PLACES = 16
_FIRST_TICK = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A deterministic account: the same seed, start and moment give the same holdings.

    Attributes:
        seed: Chooses ids, addresses and how far each burst goes.
        started_at: When the comings and goings begin, aware UTC.
    """

    seed: int
    started_at: dt.datetime

    def at(self, moment: dt.datetime) -> Holdings:
        """Return what exists at `moment`; before the start it is as at the start."""
        elapsed_s = (moment - self.started_at).total_seconds()
        now = schedule.moment(self.seed, int(elapsed_s // schedule.TICK_S))
        cluster = () if now.preview_since is None else (self._preview(now.preview_since),)
        lasting = self._lasting_droplets()
        droplets = (
            *lasting,
            *(self._burst_worker(slot, birth) for slot, birth in now.workers.items()),
            *(worker for each in cluster for worker in each.workers),
        )
        return Holdings(
            account_id=draw_id(self.seed, "account"),
            droplets=tuple(sorted(droplets, key=lambda droplet: droplet.id)),
            gpu_droplets=() if now.gpu_since is None else (self._gpu_job(now.gpu_since),),
            volumes=self._volumes(lasting),
            snapshots=self._snapshots(lasting),
            load_balancers=self._load_balancers(),
            reserved_ips=self._reserved_ips(lasting),
            reserved_ipv6=self._reserved_ipv6(lasting),
            databases=self._databases(),
            clusters=cluster,
            registry=self._registry(),
            apps=self._apps(),
            balance=balance_at(moment, lasting=lasting),
        )

    def _days_ago(self, days: int, name: str) -> dt.datetime:
        # Counted from midnight, so that a demo started again on the same day finds the same shop.
        midnight = self.started_at.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - dt.timedelta(
            days=days, seconds=draw(self.seed, name, "time", below=86400)
        )

    def _tick(self, tick: int) -> dt.datetime:
        return self.started_at + dt.timedelta(seconds=tick * schedule.TICK_S)

    def _droplet_id(self, name: str) -> int:
        return 100_000_000 + draw(self.seed, "droplet", name, below=200_000_000)

    def _passing_droplet_id(self, birth: int, place: int) -> int:
        # Numbers grow with the time of birth, so that a demo that runs for weeks, or is started
        # again on the same history, never uses one twice.
        ticks = int((self._tick(birth) - _FIRST_TICK).total_seconds()) // schedule.TICK_S
        offset = draw(self.seed, "passing", below=1_000_000)
        return 300_000_000 + offset + ticks * _PLACES + place

    def _lasting_droplets(self) -> tuple[Droplet, ...]:
        return (
            Droplet(
                id=self._droplet_id("shop-web-1"),
                name="shop-web-1",
                size=SIZES["s-1vcpu-1gb"],
                region=_REGION,
                status="active",
                created_at=self._days_ago(212, "shop-web-1"),
                tags=("shop", "web"),
                backups="weekly",
            ),
            Droplet(
                id=self._droplet_id("shop-api-1"),
                name="shop-api-1",
                size=SIZES["s-1vcpu-2gb"],
                region=_REGION,
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

    def _burst_worker(self, slot: int, birth: int) -> Droplet:
        return Droplet(
            id=self._passing_droplet_id(birth, slot),
            name=f"web-worker-{slot + 1}",
            size=SIZES["s-1vcpu-512mb-10gb"],
            region=_REGION,
            status="active",
            created_at=self._tick(birth),
            tags=("shop", "autoscale"),
        )

    def _gpu_job(self, birth: int) -> Droplet:
        return Droplet(
            id=self._passing_droplet_id(birth, _PLACES - 1),
            name="train-recommender",
            size=SIZES["gpu-4000adax1-20gb"],
            region="tor1",
            status="active",
            created_at=self._tick(birth),
            tags=("training",),
        )

    def _preview(self, birth: int) -> Cluster:
        cluster_id = draw_id(self.seed, "preview", birth)
        worker = Droplet(
            id=self._passing_droplet_id(birth, _PLACES - 2),
            name=f"preview-pool-{draw(self.seed, 'preview', birth, below=1 << 20):05x}",
            size=SIZES["s-1vcpu-2gb"],
            region=_REGION,
            status="active",
            created_at=self._tick(birth),
            tags=("k8s", f"k8s:{cluster_id}", "k8s:worker"),
        )
        return Cluster(
            id=cluster_id,
            name="preview",
            region=_REGION,
            version="1.34.1-do.0",
            highly_available=True,
            created_at=self._tick(birth),
            workers=(worker,),
        )

    def _volumes(self, droplets: tuple[Droplet, ...]) -> tuple[Volume, ...]:
        return (
            Volume(
                id=draw_id(self.seed, "shop-uploads"),
                name="shop-uploads",
                gib=20,
                region=_REGION,
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

    def _snapshots(self, droplets: tuple[Droplet, ...]) -> tuple[Snapshot, ...]:
        return (
            Snapshot(
                id=str(100_000_000 + draw(self.seed, "before-upgrade", below=100_000_000)),
                name="shop-api-1-before-upgrade",
                gib=Decimal("8.4"),
                region=_REGION,
                created_at=self._days_ago(33, "before-upgrade"),
                source_id=str(droplets[1].id),
                source="droplet",
            ),
            Snapshot(
                id=draw_id(self.seed, "uploads-copy"),
                name="shop-uploads-copy",
                gib=Decimal("3.25"),
                region=_REGION,
                created_at=self._days_ago(12, "uploads-copy"),
                source_id=draw_id(self.seed, "shop-uploads"),
                source="volume",
            ),
        )

    def _load_balancers(self) -> tuple[LoadBalancer, ...]:
        return (
            LoadBalancer(
                id=draw_id(self.seed, "shop-front"),
                name="shop-front",
                nodes=1,
                region=_REGION,
                created_at=self._days_ago(200, "shop-front"),
                tag="web",
            ),
        )

    def _reserved_ips(self, droplets: tuple[Droplet, ...]) -> tuple[ReservedIp, ...]:
        # 192.0.2.0/24 is reserved for documentation (RFC 5737), 2001:db8::/32 likewise (RFC 3849).
        return (
            ReservedIp(
                ip="192.0.2.10",
                region=_REGION,
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

    def _reserved_ipv6(self, droplets: tuple[Droplet, ...]) -> tuple[ReservedIp, ...]:
        return (
            ReservedIp(
                ip="2001:db8:0:1::10",
                region=_REGION,
                droplet=droplets[1],
                reserved_at=self._days_ago(96, "2001:db8:0:1::10"),
            ),
        )

    def _databases(self) -> tuple[Database, ...]:
        return (
            Database(
                id=draw_id(self.seed, "shop-db"),
                name="shop-db",
                engine="pg",
                version="17",
                nodes=1,
                size="db-s-1vcpu-1gb",
                region=_REGION,
                storage_mib=10240,
                created_at=self._days_ago(212, "shop-db"),
            ),
        )

    def _registry(self) -> Registry:
        return Registry(
            name="shop-images",
            region=_REGION,
            tier="basic",
            monthly=Decimal("5.00"),
            stored_bytes=1_870_331_904,
            created_at=self._days_ago(150, "registry"),
        )

    def _apps(self) -> tuple[App, ...]:
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
