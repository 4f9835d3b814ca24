"""MongoDB Atlas keeps to what every provider keeps to."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from costmon.testing.provider_contract import (
    AmountForms,
    ChargesContract,
    Place,
    Recording,
    UsageContract,
)
from tests.providers.atlas import answers as atlas

OPTIONS: dict[str, object] = {"org_id": atlas.ORG}


class TestInvoices(ChargesContract):
    slug = "atlas"
    account = Recording(
        answers={atlas.PENDING: atlas.PENDING_ANSWER}, rows=atlas.ROWS, total=atlas.TOTAL
    )
    empty = Recording(answers={atlas.PENDING: atlas.NOTHING})
    history = Recording(answers=atlas.HISTORY, rows=13, total=Decimal("0.13"))
    options: ClassVar[Mapping[str, object]] = OPTIONS
    main_path = atlas.PENDING
    main_field: ClassVar[Place] = ("results", 0, "lineItems", 0, "startDate")
    amount_field: ClassVar[Place] = ("results", 0, "lineItems", 0, "totalPriceCents")
    amount_unit = Decimal("0.01")
    amount_forms: ClassVar[AmountForms] = ("number",)
    documented_paths = frozenset(atlas.HISTORY)


class TestInvoicesOfAServiceAccount(TestInvoices):
    credentials: ClassVar[Mapping[str, str]] = {
        "public_key": "mdb_sa_id_0123456789",
        "private_key": "mdb_sa_sk_planted-0123456789abcdef",
    }
    token: ClassVar[dict[str, Any]] = {"/api/oauth/token": {"access_token": "of-an-hour"}}
    account = Recording(
        answers={**TestInvoices.account.answers, **token}, rows=atlas.ROWS, total=atlas.TOTAL
    )
    empty = Recording(answers={**TestInvoices.empty.answers, **token})
    history = Recording(answers={**atlas.HISTORY, **token}, rows=13, total=Decimal("0.13"))
    documented_paths = frozenset({*atlas.HISTORY, "/api/oauth/token"})


class TestOperations(UsageContract):
    slug = "atlas"
    account = Recording(answers=atlas.USAGE, used=atlas.USED)
    empty = Recording(answers=atlas.NO_USAGE)
    options: ClassVar[Mapping[str, object]] = OPTIONS
    main_path = atlas.GROUPS
    main_field: ClassVar[Place] = ("results", 0, "id")
    documented_paths = frozenset(atlas.USAGE)
