"""IONOS Cloud keeps to what every provider keeps to."""

from decimal import Decimal
from typing import ClassVar

from costmon.testing.provider_contract import (
    AmountForms,
    ChargesContract,
    Place,
    Recording,
    UsageContract,
)
from tests.providers.ionos import answers as ionos

ONE_CORE = ionos.used(ionos.datacenter("web", [ionos.meter("C01000", "1", "1hour")]))


class TestCharges(ChargesContract):
    slug = "ionos"
    account = Recording(answers=ionos.CHARGES, rows=ionos.CHARGES_ROWS, total=ionos.CHARGES_TOTAL)
    empty = Recording(answers=ionos.NOTHING)
    history = Recording(
        answers={**ionos.CHARGES, ionos.USAGE: ONE_CORE, f"{ionos.USAGE}?period=2026-11": ONE_CORE},
        rows=13,
        total=Decimal("0.13"),
    )
    main_path = ionos.USAGE
    main_field: ClassVar[Place] = ("datacenters", 0, "meters", 0, "meterId")
    # The second data center's only meter costs 0.007 each.
    amount_field: ClassVar[Place] = ("datacenters", 1, "meters", 0, "quantity", "quantity")
    amount_unit: ClassVar[Decimal] = Decimal("0.007")
    amount_forms: ClassVar[AmountForms] = ("text", "number")
    documented_paths = frozenset(ionos.CHARGES) - {f"{ionos.USAGE}?period=2026-11"}


class TestUsage(UsageContract):
    slug = "ionos"
    account = Recording(
        answers={**ionos.CONTRACTS, ionos.DAILY: ionos.ONE_DAY},
        used={
            ("used_on_day:C01000", None): Decimal(72),
            ("used_on_day:S3SU1100", None): Decimal("11.52"),
        },
    )
    empty = Recording(answers={**ionos.CONTRACTS, ionos.DAILY: ionos.used()})
    main_path = ionos.DAILY
    main_field: ClassVar[Place] = ("datacenters", 0, "meters", 0, "meterId")
    documented_paths = frozenset(account.answers)
