"""Hostinger keeps to what every provider keeps to."""

from decimal import Decimal
from typing import ClassVar

from costmon.testing import Reply
from costmon.testing.provider_contract import (
    AmountForms,
    ChargesContract,
    InventoryContract,
    Place,
    ReadingContract,
    Recording,
)
from tests.providers.hostinger import answers as hostinger

ANSWERS = {hostinger.PATH: hostinger.SUBSCRIPTIONS}
# An account without subscriptions.
WRONG_BODIES = tuple(body for body in ReadingContract.wrong_bodies if body != b"[]")


class TestCharges(ChargesContract):
    slug = "hostinger"
    account = Recording(answers=ANSWERS, rows=2, total=hostinger.TOTAL)
    empty = Recording(answers={hostinger.PATH: []})
    history = Recording(
        answers={hostinger.PATH: hostinger.a_year()}, rows=13, total=Decimal("0.13")
    )
    main_path = hostinger.PATH
    main_field: ClassVar[Place] = (0, "total_price")
    amount_field: ClassVar[Place] = main_field
    amount_unit: ClassVar[Decimal] = Decimal("0.01")
    amount_forms: ClassVar[AmountForms] = ("number",)
    wrong_bodies = WRONG_BODIES
    documented_paths = frozenset(ANSWERS)


class TestSubscriptions(InventoryContract):
    slug = "hostinger"
    account = Recording(answers=ANSWERS, resources=2)
    empty = Recording(answers={hostinger.PATH: []})
    many = account
    main_path = hostinger.PATH
    main_field: ClassVar[Place] = (0, "id")
    wrong_bodies = WRONG_BODIES
    documented_paths = frozenset(ANSWERS)

    def test_a_refused_kind_leaves_the_others_to_be_seen(self, server):
        """Subscriptions are the one kind: without them there is nothing to see."""
        vendor = self.serve(server, self.account)
        vendor.fault(hostinger.PATH, Reply.json({"message": "Forbidden"}, status=403))

        assert self.failure(vendor).reason == "permission"
