"""Supabase keeps to what every provider keeps to."""

import datetime as dt
from decimal import Decimal
from typing import ClassVar

from costmon.testing.provider_contract import (
    AmountForms,
    ChargesContract,
    InventoryContract,
    Recording,
    UsageContract,
)
from tests.providers.supabase import samples as it

# An empty list is a good answer of the main listing.
WRONG_BODIES: tuple[bytes, ...] = (b"", b"{", b"<html>", b"null", b"7", b'"text"', b"{}", b"[7]")


class TestInventory(InventoryContract):
    slug = "supabase"
    account = Recording(answers=it.account(), resources=6)
    empty = Recording(answers=it.EMPTY)
    many = Recording(answers=it.account(), resources=6)
    main_path = it.PROJECTS
    main_field: ClassVar[tuple[str | int, ...]] = (0, "name")
    documented_paths = it.PATHS
    wrong_bodies = WRONG_BODIES


class TestCharges(ChargesContract):
    """One day of ten hours, so that an amount of an hour is a tenth of the row's."""

    slug = "supabase"
    now = dt.datetime(2026, 11, 1, 10, 0, tzinfo=dt.UTC)
    known_through = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    # The plan, 10 h of two computes, a day of 12 GB and of 10 dollars, less a day's credit.
    account = Recording(
        answers=it.account(),
        rows=5,
        total=Decimal("25.00")
        + Decimal("0.206")
        + Decimal("0.822")
        + Decimal("0.05")
        + Decimal("0.333333333")
        - Decimal("0.333333333"),
    )
    empty = Recording(answers=it.EMPTY)
    history = account
    has_past = False
    main_path = f"/v1/projects/{it.REF}/billing/addons"
    main_field: ClassVar[tuple[str | int, ...]] = (
        "selected_addons",
        0,
        "variant",
        "price",
        "amount",
    )
    documented_paths = it.PATHS
    amount_field = main_field
    amount_unit = Decimal(10)
    amount_forms: ClassVar[AmountForms] = ("number", "text")


class TestUsage(UsageContract):
    slug = "supabase"
    account = Recording(
        answers=it.account(),
        used={
            (quota, ref): used
            for ref in (it.REF, it.OTHER)
            for quota, used in (
                ("rest_requests", Decimal(36)),
                ("auth_requests", Decimal(12)),
                ("realtime_requests", Decimal(24)),
                ("storage_requests", Decimal(0)),
                ("functions", Decimal(1)),
                ("function_invocations", Decimal(35)),
                ("disk_size", Decimal(20 if ref == it.REF else 8)),
                ("disk_used", Decimal(3)),
                ("database_size", Decimal("8.123456789")),
                ("table_rows", Decimal(1200)),
            )
        },
    )
    empty = Recording(answers=it.EMPTY)
    main_path = it.PROJECTS
    main_field: ClassVar[tuple[str | int, ...]] = (0, "name")
    documented_paths = it.PATHS
    wrong_bodies = WRONG_BODIES
