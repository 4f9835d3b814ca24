"""The contract suite passes a provider that is right, and fails one for each mistake."""

import inspect
import sys
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest

from costmon import providers as package
from costmon.errors import ChargeError
from costmon.providers import catalog
from costmon.testing import Asked, StubServer
from costmon.testing.provider_contract import (
    AmountForms,
    ChargesContract,
    CursorCases,
    Place,
    Recording,
    UsageContract,
)


@pytest.fixture(autouse=True)
def _ledgered(monkeypatch):
    elsewhere = str(Path(__file__).parent / "elsewhere")
    monkeypatch.setattr(package, "__path__", [*package.__path__, elsewhere])
    yield
    sys.modules.pop("costmon.providers.ledgered", None)
    vars(package).pop("ledgered", None)


def row(day, amount, calls=1, service="api"):
    return {"day": day, "service": service, "amount": amount, "calls": calls}


def page(*rows, following=None):
    return {"rows": rows, "has_more": following is not None, "next_page": following}


def history(asked: Asked):
    """Answer a window with 0.10 for its first day."""
    return page(row(asked.query["from"][:10], 0.1))


ROWS = (row("2026-11-19", 0.06), row("2026-11-19", 2.25, service="b"), row("2026-11-20", "1.1"))
MANY = {
    "/rows": page(*ROWS[:1], following="two"),
    "/rows?page=two": page(*ROWS[1:]),
}


class TestCharges(ChargesContract, CursorCases):
    slug = "ledgered"
    account = Recording(answers={"/rows": page(*ROWS)}, rows=3, total=Decimal("3.41"))
    empty = Recording(answers={"/rows": page()})
    many = Recording(answers=MANY, rows=3, total=Decimal("3.41"))
    history = Recording(answers={"/rows": history}, rows=13, total=Decimal("1.30"))
    main_path = "/rows"
    main_field: ClassVar[Place] = ("rows", 0, "amount")
    amount_field: ClassVar[Place] = main_field
    amount_forms: ClassVar[AmountForms] = ("number", "text")
    documented_paths = frozenset({"/rows"})


class TestUsage(UsageContract, CursorCases):
    slug = "ledgered"
    account = Recording(answers={"/rows": page(*ROWS)}, used={("calls", None): Decimal(3)})
    empty = Recording(answers={"/rows": page()}, used={("calls", None): Decimal(0)})
    many = Recording(answers=MANY, used={("calls", None): Decimal(3)})
    main_path = "/rows"
    main_field: ClassVar[Place] = ("rows", 0, "calls")
    documented_paths = frozenset({"/rows"})


@pytest.mark.parametrize(
    ("mistake", "case"),
    [
        ("counts in floats", "an_amount_keeps_every_digit"),
        ("reads dollars as cents", "every_row_is_read_exactly"),
        ("takes any number", "what_is_no_amount_is_a_schema_error"),
        ("starts a day early", "windows_are_whole_and_apart"),
        ("ends in the future", "windows_are_whole_and_apart"),
        ("names another account", "windows_are_whole_and_apart"),
        ("asks for the future", "nothing_of_the_future_is_asked"),
        ("has the amount in the key", "a_restated_amount_keeps_its_key"),
        ("has one key for all", "keys_are_unique"),
        ("writes usd", "rows_are_well_formed"),
        ("leaves the unit out", "rows_are_well_formed"),
        ("always goes back", "the_first_read_goes_into_the_past"),
        ("never goes back", "the_first_read_goes_into_the_past"),
        ("never goes back", "a_long_pause_is_made_up_for"),
        ("takes a failure for nothing", "nothing_is_recorded_of_a_window_that_fails"),
        ("takes a failure for nothing", "garbage_is_a_schema_error"),
        ("takes a failure for nothing", "what_the_token_may_not_read_is_named"),
        ("stops early", "every_page_is_read_once"),
        ("stops at an empty cursor", "more_without_a_cursor_is_incomplete"),
        ("stops at an empty cursor", "a_cursor_that_repeats_is_incomplete"),
        ("shows the secret", "only_documented_reads_are_sent"),
        ("keeps the secret", "a_reading_holds_no_secret"),
    ],
)
def test_a_mistake_with_charges_is_found(mistake, case, monkeypatch):
    assert finds(TestCharges(), mistake, case, monkeypatch)


@pytest.mark.parametrize(
    ("mistake", "case"),
    [
        ("has no slug", "quantities_are_well_formed"),
        ("ends in the future", "quantities_are_well_formed"),
        ("counts twice", "every_quantity_is_read_exactly"),
        ("stops early", "every_page_is_read_once"),
    ],
)
def test_a_mistake_with_usage_is_found(mistake, case, monkeypatch):
    assert finds(TestUsage(), mistake, case, monkeypatch)


def finds(suite, mistake, case, monkeypatch):
    """Tell whether a case fails a provider with this mistake."""
    catalog.modules()
    monkeypatch.setattr(sys.modules["costmon.providers.ledgered"].Ledgered, "mistake", mistake)
    method = getattr(suite, f"test_{case}")
    parameters = {"cursor": None} if "cursor" in inspect.signature(method).parameters else {}
    with StubServer() as server:
        try:
            method(server, **parameters)
        except (AssertionError, ChargeError, pytest.fail.Exception):
            return True
    return False
