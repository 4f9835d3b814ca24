"""The sizes that the simulated account is built from, and what each costs a month."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A droplet plan.

    Attributes:
        slug: The vendor's name of the plan.
        description: The family it is listed under.
        memory_mib: Memory.
        vcpus: Virtual processors.
        disk_gib: Local disk.
        transfer_tb: Outbound transfer included a month.
        monthly: Advertised price of a month, USD.
        gpu: Model and memory in GiB of its accelerator; `None` for ordinary plans.
    """

    slug: str
    description: str
    memory_mib: int
    vcpus: int
    disk_gib: int
    transfer_tb: float
    monthly: Decimal
    gpu: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSize:
    """An instance size of the app platform.

    Attributes:
        slug: The vendor's name of the size.
        cpus: Virtual processors.
        memory_mib: Memory.
        monthly: Price of a month of one instance, USD.
    """

    slug: str
    cpus: int
    memory_mib: int
    monthly: Decimal


def _by_slug(*sizes: Size) -> Mapping[str, Size]:
    return MappingProxyType({size.slug: size for size in sizes})


def _basic(slug: str, memory_mib: int, vcpus: int, disk_gib: int, monthly: str) -> Size:
    return Size(
        slug=slug,
        description="Basic",
        memory_mib=memory_mib,
        vcpus=vcpus,
        disk_gib=disk_gib,
        transfer_tb=float(vcpus),
        monthly=Decimal(monthly),
    )


SIZES = _by_slug(
    _basic("s-1vcpu-512mb-10gb", 512, 1, 10, "4"),
    _basic("s-1vcpu-1gb", 1024, 1, 25, "6"),
    _basic("s-1vcpu-2gb", 2048, 1, 50, "12"),
    _basic("s-2vcpu-2gb", 2048, 2, 60, "18"),
    _basic("s-2vcpu-4gb", 4096, 2, 80, "24"),
    _basic("s-4vcpu-8gb", 8192, 4, 160, "48"),
    Size(
        slug="g-2vcpu-8gb",
        description="General Purpose",
        memory_mib=8192,
        vcpus=2,
        disk_gib=25,
        transfer_tb=4.0,
        monthly=Decimal(63),
    ),
    Size(
        slug="gpu-4000adax1-20gb",
        description="RTX 4000 Ada 1x",
        memory_mib=32768,
        vcpus=8,
        disk_gib=500,
        transfer_tb=10.0,
        monthly=Decimal("565.44"),
        gpu=("nvidia_rtx4000_ada", 20),
    ),
)

APP_SIZES = (
    AppSize(slug="apps-s-1vcpu-0.5gb", cpus=1, memory_mib=512, monthly=Decimal("5.00")),
    AppSize(slug="apps-s-1vcpu-1gb", cpus=1, memory_mib=1024, monthly=Decimal("12.00")),
    AppSize(slug="apps-s-1vcpu-2gb", cpus=1, memory_mib=2048, monthly=Decimal("25.00")),
)
