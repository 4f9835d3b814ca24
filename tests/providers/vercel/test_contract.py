"""Vercel keeps to what every provider keeps to."""

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from costmon.testing import Reply
from costmon.testing.provider_contract import (
    AmountForms,
    ChargesContract,
    Place,
    ReadingContract,
    Recording,
    UsageContract,
)
from tests.providers.vercel import answers

CHARGES = "/v1/billing/charges"
DEPLOYMENTS = "/v6/deployments"
NO_DEPLOYMENTS = answers.deployments([])


def any_month(asked):
    """Answer each month with one row on the first day, as dear as the month's number."""
    start = asked.query["from"]
    end = start[:8] + "02" + start[10:]
    row = answers.row("Pro", start=start, end=end, BilledCost=int(start[5:7]))
    return Reply(body=json.dumps(row).encode() + b"\n")


class Vercel(ReadingContract[Any]):
    slug = "vercel"
    options: ClassVar[Mapping[str, object]] = {"team_id": answers.TEAM}
    empty = Recording(
        answers={CHARGES: b"", DEPLOYMENTS: NO_DEPLOYMENTS},
        used={("deployments", None): Decimal(0)},
    )
    main_path = CHARGES
    lines = True
    # Nothing is a good answer: there are no rows.
    wrong_bodies = tuple(body for body in ReadingContract.wrong_bodies if body)

    @pytest.mark.parametrize(
        ("reply", "reason"),
        [
            pytest.param(Reply(status=500), "server", id="500"),
            pytest.param(Reply(status=503), "server", id="503"),
            pytest.param(Reply(delay_s=60.0), "timeout", id="silence"),
        ],
    )
    def test_a_fault_that_stays_is_an_error(self, server, reply, reason):
        """As the contract has it, but for a stream that breaks off: that is not tried again."""
        super().test_a_fault_that_stays_is_an_error(server, reply, reason)


class TestCharges(Vercel, ChargesContract):
    account = Recording(
        answers={CHARGES: answers.jsonl(answers.team())},
        rows=10,
        total=Decimal("50.000000000001"),
    )
    history = Recording(answers={CHARGES: any_month}, rows=13, total=Decimal(78 + 11))
    # Later, an empty answer would be one whose rows are gone.
    known_through = dt.datetime(2026, 11, 1, 7, tzinfo=dt.UTC)
    main_field: ClassVar[Place] = (0, "ServiceName")
    amount_field: ClassVar[Place] = (0, "BilledCost")
    amount_forms: ClassVar[AmountForms] = ("number", "text")
    day_zone = "America/Los_Angeles"
    documented_paths = frozenset({CHARGES})


class TestUsage(Vercel, UsageContract):
    account = Recording(
        answers={
            CHARGES: answers.jsonl(answers.team()),
            DEPLOYMENTS: answers.deployments([3, 2, 1]),
        },
        used={
            ("fast_data_transfer", None): Decimal("15.5"),
            ("function_invocations", None): Decimal(641200),
            ("provisioned_memory_gb_hours", None): Decimal("4.5"),
            ("active_cpu", None): Decimal("0.5"),
            ("edge_requests", None): Decimal(250000),
            ("deployments", None): Decimal(3),
        },
    )
    main_field: ClassVar[Place] = (0, "ServiceName")
    documented_paths = frozenset({CHARGES, DEPLOYMENTS})
