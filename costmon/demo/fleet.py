"""Say what the simulated account holds at a moment: a small shop that scales with its visitors."""

import datetime as dt
from dataclasses import dataclass

from costmon.demo import schedule
from costmon.demo.bill import balance_of, bills_at
from costmon.demo.draw import draw, draw_id
from costmon.demo.holdings import Cluster, Droplet, Holdings
from costmon.demo.shop import REGION, Shop
from costmon.demo.size import SIZES

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
        shop = Shop(seed=self.seed, started_at=self.started_at)
        lasting = shop.droplets()
        bills = bills_at(moment, seed=self.seed, lasting=lasting)
        droplets = (
            *lasting,
            *(self._burst_worker(slot, birth) for slot, birth in now.workers.items()),
            *(worker for each in cluster for worker in each.workers),
        )
        return Holdings(
            account_id=draw_id(self.seed, "account"),
            droplets=tuple(sorted(droplets, key=lambda droplet: droplet.id)),
            gpu_droplets=() if now.gpu_since is None else (self._gpu_job(now.gpu_since),),
            volumes=shop.volumes(lasting),
            snapshots=shop.snapshots(lasting),
            load_balancers=shop.load_balancers(),
            reserved_ips=shop.reserved_ips(lasting),
            reserved_ipv6=shop.reserved_ipv6(lasting),
            databases=shop.databases(),
            clusters=cluster,
            registry=shop.registry(),
            apps=shop.apps(),
            balance=balance_of(bills[0], moment),
            bills=bills,
        )

    def _tick(self, tick: int) -> dt.datetime:
        return self.started_at + dt.timedelta(seconds=tick * schedule.TICK_S)

    def _passing_droplet_id(self, birth: int, place: int) -> int:
        # Numbers grow with the time of birth, so that a demo that runs for weeks, or is started
        # again on the same history, never uses one twice.
        ticks = int((self._tick(birth) - _FIRST_TICK).total_seconds()) // schedule.TICK_S
        offset = draw(self.seed, "passing", below=1_000_000)
        return 300_000_000 + offset + ticks * _PLACES + place

    def _burst_worker(self, slot: int, birth: int) -> Droplet:
        return Droplet(
            id=self._passing_droplet_id(birth, slot),
            name=f"web-worker-{slot + 1}",
            size=SIZES["s-1vcpu-512mb-10gb"],
            region=REGION,
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
        cluster_id = draw_id(self.seed, "preview", self._tick(birth))
        worker = Droplet(
            id=self._passing_droplet_id(birth, _PLACES - 2),
            name=f"preview-pool-{draw(self.seed, 'preview', birth, below=1 << 20):05x}",
            size=SIZES["s-1vcpu-2gb"],
            region=REGION,
            status="active",
            created_at=self._tick(birth),
            tags=("k8s", f"k8s:{cluster_id}", "k8s:worker"),
        )
        return Cluster(
            id=cluster_id,
            name="preview",
            region=REGION,
            version="1.34.1-do.0",
            highly_available=True,
            created_at=self._tick(birth),
            workers=(worker,),
        )
