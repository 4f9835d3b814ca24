"""Wasabi keeps to what every provider keeps to; its charges are an estimate."""

import calendar
import datetime as dt
from decimal import Decimal
from typing import Any, ClassVar

from costmon.testing.provider_contract import (
    NOW,
    AmountForms,
    ChargesContract,
    Place,
    ReadingContract,
    Recording,
    UsageContract,
)
from tests.providers.wasabi import answers

STEP = Decimal("1e-12")


def cost_of(date, size):
    """Return what TB cost on a day, to 1e-12."""
    price = Decimal("7.99") if date >= dt.date(2026, 7, 1) else Decimal("6.99")
    return (size * price / calendar.monthrange(date.year, date.month)[1]).quantize(STEP)


def days_between(start, end):
    return [start + dt.timedelta(days=number) for number in range((end - start).days)]


def every_day(asked):
    """Answer each month with 10 TB on each day that is over."""
    start, end = (dt.date.fromisoformat(asked.query[name]) for name in ("from", "to"))
    days = days_between(start, min(end, NOW.date()))
    return answers.page([answers.day(day.isoformat(), active=10 * answers.TB) for day in days])


PAST = days_between(dt.date(2025, 11, 1), NOW.date())


class Wasabi(ReadingContract[Any]):
    slug = "wasabi"
    empty = Recording(answers={answers.ACCOUNT: answers.page([])})
    main_path = answers.ACCOUNT
    # The list alone is what the older API answers with.
    wrong_bodies = tuple(body for body in ReadingContract.wrong_bodies if body != b"[]")


class TestCharges(Wasabi, ChargesContract):
    account = Recording(
        answers={answers.ACCOUNT: answers.month()},
        rows=6,
        total=sum(
            cost_of(dt.date(2026, month, day), Decimal(size))
            for month, day, size in (
                (10, 31, 1),
                (10, 31, 1),
                (11, 1, 2),
                (11, 1, "0.5"),
                (11, 2, 2),
                (11, 2, 1),
            )
        ),
    )
    history = Recording(
        answers={answers.ACCOUNT: every_day},
        rows=2 * len(PAST),
        total=sum(cost_of(day, 10) for day in PAST),
    )
    known_through = dt.datetime(2026, 11, 3, tzinfo=dt.UTC)
    main_field: ClassVar[Place] = ("Records", 1, "PaddedStorageSizeBytes")
    amount_field: ClassVar[Place] = ("Records", 1, "PaddedStorageSizeBytes")
    # Bytes are whole numbers; what they cost is in test_estimate.
    amount_forms: ClassVar[AmountForms] = ()
    documented_paths = frozenset({answers.ACCOUNT})

    def test_an_empty_account_is_an_empty_window(self, server):
        """Nothing is a good answer as long as nothing was there before."""
        windows = self.read_all(server, self.empty, None)

        assert len(windows) == 13
        assert not any(window.charges or window.gaps for window in windows)

    def test_a_restated_amount_keeps_its_key(self, server):
        """A day whose bytes are corrected keeps its rows' keys."""
        vendor = self.serve(server, self.account)
        before = self.read(vendor)
        vendor.alter(self.main_path, self.replaced(self.amount_field, 3 * answers.TB))

        after = self.read(vendor)

        keys, again = (
            [charge.source_row_key for window in read for charge in window.charges]
            for read in (before, after)
        )
        assert keys == again
        assert before != after

    def test_what_is_no_amount_is_a_schema_error(self, server):
        """Bytes are whole and not negative."""
        values: list[object] = [-1, 0.5, "12", None, True, [], {}]
        for value in values:
            vendor = self.serve(server, self.account)
            vendor.alter(self.main_path, self.replaced(self.amount_field, value))

            assert self.failure(vendor).reason == "schema"


class TestUsage(Wasabi, UsageContract):
    now = dt.datetime(2026, 11, 3, 9, tzinfo=dt.UTC)
    account = Recording(
        answers={answers.ACCOUNT: answers.month(), answers.BUCKET: answers.buckets()},
        used={
            ("storage_active", None): Decimal("2199.023255552"),
            ("storage_deleted", None): Decimal("1099.511627776"),
            ("storage_minimum", None): Decimal(0),
            ("egress", None): Decimal("4.5"),
            ("requests", None): Decimal(140),
            ("requests_get", None): Decimal(70),
            ("requests_put", None): Decimal(2),
            ("requests_delete", None): Decimal(0),
            ("requests_list", None): Decimal(4),
            ("requests_head", None): Decimal(0),
            ("storage_active", "backups"): Decimal("1099.511627776"),
            ("storage_deleted", "backups"): Decimal("1099.511627776"),
            ("storage_active", "photos"): Decimal("1099.511627776"),
            ("storage_deleted", "photos"): Decimal(0),
        },
    )
    main_field: ClassVar[Place] = ("Records", 1, "PaddedStorageSizeBytes")
    documented_paths = frozenset({answers.ACCOUNT, answers.BUCKET})
