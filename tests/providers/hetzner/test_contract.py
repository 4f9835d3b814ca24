"""Hetzner Cloud keeps to what every provider keeps to."""

from decimal import Decimal
from typing import ClassVar

from costmon.testing.provider_contract import InventoryContract, Place, Recording, UsageContract
from tests.providers.hetzner import answers as hetzner

SENT = Decimal("123.456789012")


class TestInventory(InventoryContract):
    slug = "hetzner"
    account = Recording(answers=hetzner.EVERYTHING, resources=9)
    empty = Recording(answers=hetzner.NOTHING)
    many = Recording(answers=hetzner.TWO_PAGES, resources=9)
    main_path = "/servers"
    main_field: ClassVar[Place] = ("servers", 0, "id")
    documented_paths = frozenset(hetzner.EVERYTHING)


class TestUsage(UsageContract):
    slug = "hetzner"
    account = Recording(
        answers=hetzner.EVERYTHING,
        used={
            **{("server_egress", name): SENT for name in ("web-1", "web-2", "old")},
            ("load_balancer_egress", "lb"): Decimal(5),
        },
    )
    empty = Recording(answers=hetzner.NOTHING)
    main_path = "/servers"
    main_field: ClassVar[Place] = ("servers", 0, "id")
    documented_paths = frozenset({"/servers", "/load_balancers"})
