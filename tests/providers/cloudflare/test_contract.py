"""Cloudflare keeps to what every provider keeps to."""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from costmon.testing.provider_contract import (
    AmountForms,
    ChargesContract,
    Place,
    Recording,
    UsageContract,
)
from tests.providers.cloudflare import answers as cloudflare

OPTIONS: dict[str, object] = {"account_id": cloudflare.ACCOUNT}


class TestCharges(ChargesContract):
    slug = "cloudflare"
    account = Recording(
        answers={cloudflare.USAGE: cloudflare.CHARGES},
        rows=cloudflare.ROWS,
        total=cloudflare.TOTAL,
    )
    empty = Recording(
        answers={
            cloudflare.USAGE: cloudflare.enveloped([]),
            cloudflare.INFO: cloudflare.COVERED,
        }
    )
    history = account
    has_past = False
    options: ClassVar[Mapping[str, object]] = OPTIONS
    main_path = cloudflare.USAGE
    main_field: ClassVar[Place] = ("result", 0, "ChargePeriodStart")
    amount_field: ClassVar[Place] = ("result", 0, "BilledCost")
    amount_forms: ClassVar[AmountForms] = ("number",)
    known_gaps = frozenset({"fixed_fees"})
    documented_paths = frozenset({cloudflare.USAGE, cloudflare.INFO})


class TestUsage(UsageContract):
    slug = "cloudflare"
    account = Recording(answers={cloudflare.GRAPHQL: cloudflare.analytics()}, used=cloudflare.USED)
    empty = Recording(
        answers={cloudflare.GRAPHQL: cloudflare.NOTHING},
        used={key: Decimal(0) for key in cloudflare.USED if "infrequent" not in key[0]},
    )
    options: ClassVar[Mapping[str, object]] = OPTIONS
    main_path = cloudflare.GRAPHQL
    main_method = "POST"
    main_field: ClassVar[Place] = (
        "data",
        "viewer",
        "accounts",
        0,
        "r2OperationsAdaptiveGroups",
        0,
        "sum",
        "requests",
    )
    documented_paths = frozenset({cloudflare.GRAPHQL})
