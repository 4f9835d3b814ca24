"""Scaleway keeps to what every provider keeps to."""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from costmon.testing.provider_contract import AmountForms, ChargesContract, Place, Recording
from tests.providers.scaleway import answers as scaleway


class TestConsumption(ChargesContract):
    slug = "scaleway"
    options: ClassVar[Mapping[str, object]] = {"organization_id": scaleway.ORGANIZATION}
    account = Recording(answers=scaleway.ACCOUNT, rows=scaleway.CHARGED_ROWS, total=scaleway.TOTAL)
    empty = Recording(answers=scaleway.EMPTY)
    history = Recording(
        answers={scaleway.CONSUMPTIONS: scaleway.history, scaleway.CHARGES: scaleway.NO_DETAILS},
        rows=13,
        total=Decimal("0.13"),
    )
    main_path = scaleway.CONSUMPTIONS
    main_field: ClassVar[Place] = ("consumptions", 0, "value", "units")
    amount_field: ClassVar[Place] = main_field
    amount_forms: ClassVar[AmountForms] = ("number", "text")
    documented_paths = frozenset({scaleway.CONSUMPTIONS, scaleway.CHARGES})
