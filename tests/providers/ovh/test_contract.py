"""OVHcloud keeps to what every provider keeps to, with an application and a service account."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from costmon.testing import Reply
from costmon.testing.provider_contract import (
    AmountForms,
    ChargesContract,
    InventoryContract,
    Place,
    ReadingContract,
    Recording,
    UsageContract,
)
from tests.providers.ovh import answers as ovh

CURRENT = "/me/consumption/usage/current"
FORECAST = "/me/consumption/usage/forecast"


def past_bills():
    """Return an account that was billed 0.01 in the middle of each month."""
    found = {**ovh.NOTHING, CURRENT: []}
    names = []
    for month in (*(f"2025-{n}" for n in (11, 12)), *(f"2026-{n:02}" for n in range(1, 12))):
        name = f"FR{month}"
        names.append((month, name))
        found |= ovh.bills((ovh.bill(name, f"{month}-15", 0.01, 0), [ovh.line("1", 0.01, "VPS")]))

    def listed(asked):
        start, end = asked.query["date.from"], asked.query["date.to"]
        return [name for month, name in names if start <= f"{month}-15T03:12:00Z" <= end]

    return found | {"/me/bill": listed}


class Ovh(ReadingContract[Any]):
    slug = "ovh"
    credentials: ClassVar[Mapping[str, str]] = ovh.KEYS


class TestCharges(Ovh, ChargesContract):
    account = Recording(answers=ovh.CHARGES, rows=ovh.CHARGES_ROWS, total=ovh.CHARGES_TOTAL)
    empty = Recording(answers=ovh.NOTHING)
    history = Recording(answers=past_bills(), rows=13, total=Decimal("0.13"))
    main_path = CURRENT
    main_field: ClassVar[Place] = (0, "elements", 0, "price", "value")
    amount_field: ClassVar[Place] = main_field
    amount_forms: ClassVar[AmountForms] = ("number",)
    day_zone = "Europe/Paris"
    documented_paths = frozenset(ovh.CHARGES) | {ovh.HISTORY}
    wrong_bodies = tuple(body for body in ReadingContract.wrong_bodies if body != b"[]")


class TestChargesOfAServiceAccount(TestCharges):
    credentials: ClassVar[Mapping[str, str]] = ovh.ACCOUNT
    account = Recording(
        answers={**ovh.TOKEN, **ovh.CHARGES}, rows=ovh.CHARGES_ROWS, total=ovh.CHARGES_TOTAL
    )
    empty = Recording(answers={**ovh.TOKEN, **ovh.NOTHING})
    history = Recording(answers={**ovh.TOKEN, **past_bills()}, rows=13, total=Decimal("0.13"))
    documented_paths = TestCharges.documented_paths | {"/auth/oauth2/token"}


class TestUsage(Ovh, UsageContract):
    account = Recording(
        answers={**ovh.TIME, FORECAST: ovh.FORECAST},
        used={("month_forecast:EUR", None): Decimal("6.7")},
    )
    empty = Recording(answers={**ovh.TIME, FORECAST: []})
    main_path = FORECAST
    main_field: ClassVar[Place] = (0, "serviceId")
    documented_paths = frozenset({FORECAST, "/auth/time"})
    wrong_bodies = tuple(body for body in ReadingContract.wrong_bodies if body != b"[]")


class TestServices(Ovh, InventoryContract):
    account = Recording(answers=ovh.SERVICES, resources=3)
    empty = Recording(answers={**ovh.TIME, "/services": []})
    many = account
    main_path = "/services/11"
    main_field: ClassVar[Place] = ("billing", "plan", "code")
    documented_paths = frozenset(ovh.SERVICES)

    def test_a_refused_kind_leaves_the_others_to_be_seen(self, server):
        """Services are the one kind: without the list of them there is nothing to see."""
        vendor = self.serve(server, self.account)
        vendor.fault("/services", Reply.json({"message": "not granted"}, status=403))

        assert self.failure(vendor).reason == "permission"

    def test_a_path_that_is_not_there_is_no_empty_answer(self, server):
        """A service that has ended since it was listed is left out; the list must be there."""
        vendor = self.serve(server, self.account)
        vendor.fault("/services/12", Reply.json({"message": "not found"}, status=404))
        assert len(self.read(vendor).resources) == 2
        vendor.fault("/services", Reply.json({"message": "not found"}, status=404))

        assert self.failure(vendor).reason == "schema"
