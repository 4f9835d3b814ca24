"""What all charges keep to: whole windows, exact amounts, lasting keys, nothing of the future."""

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator
from decimal import Context, Decimal
from itertools import pairwise
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

import pytest

from costmon.domain.charge import Charge, ChargeWindow
from costmon.errors import ProviderError
from costmon.providers.base import Provider
from costmon.testing.provider_contract.reading import Digits, Place, ReadingContract
from costmon.testing.provider_contract.vendor import ACCOUNT, NOW, Recording
from costmon.testing.stub import Asked, Reply, StubServer

Windows = tuple[ChargeWindow, ...]
AmountForms = tuple[Literal["number", "text"], ...]
_EXACT = Context(prec=200)
_MOST_PAST = dt.timedelta(days=366 + 31)
_CURRENCY = re.compile(r"[A-Z]{3}")
_UNIX_S, _UNIX_MS = re.compile(r"\d{10}"), re.compile(r"\d{13}")
_AMOUNTS = ("0", "0.06", "0.000000000001", "1234567.123456789012345678")
_NO_AMOUNTS = ("NaN", "Infinity", "-Infinity", "1e309")


class ChargesContract(ReadingContract[Windows]):
    """The cases of charges. A subclass sets the attributes, those of `ReadingContract` too.

    `account`, `empty` and `many` are read as charges that are known already, hence for the windows
    that may still change; their `rows` and `total` are what these windows have.

    Attributes:
        history: An account that answers every window that is asked, with rows in some of them, and
            what is in them at the first read.
        has_past: Whether the vendor says what was charged in earlier months.
        known_through: What is stored already when `account` is read.
        amount_field: Where the main listing's first row has its amount.
        amount_unit: What 1 in it is worth, in the major unit: 0.01 for cents.
        amount_forms: How the vendor writes amounts, or may.
        day_zone: The zone of the vendor's days.
    """

    history: ClassVar[Recording]
    has_past: ClassVar[bool] = True
    known_through: ClassVar[dt.datetime] = NOW - dt.timedelta(days=1)
    amount_field: ClassVar[Place]
    amount_unit: ClassVar[Decimal] = Decimal(1)
    amount_forms: ClassVar[AmountForms]
    day_zone: ClassVar[str] = "UTC"

    def ask(self, provider: Provider) -> Windows:
        """Read the windows that may still change."""
        return tuple(provider.charges(ACCOUNT, self.now, self.known_through))

    def text_of(self, reading: Windows) -> str:
        """Return everything that the windows hold; their own text leaves the charges out."""
        return repr([(window, window.charges) for window in reading])

    def says_gap(self, reading: Windows) -> bool:
        """Tell whether every window names what it could not see."""
        return bool(reading) and all(_gaps(window) - self.known_gaps for window in reading)

    def check_contents(self, reading: Windows, recording: Recording) -> None:
        """Assert that the rows are there, and that their sum is exact."""
        assert len(_rows(reading)) == recording.rows
        assert _total(reading) == recording.total

    def without_raw(self, reading: Windows) -> Windows:
        """Return the windows with rows that have no `raw`."""
        return tuple(
            dataclasses.replace(
                window,
                charges=tuple(dataclasses.replace(charge, raw=None) for charge in window.charges),
            )
            for window in reading
        )

    def moments_asked(self, asked: Asked) -> Iterator[dt.datetime]:
        """Return the moments in a request's parameters: Unix seconds, milliseconds, RFC 3339.

        Dates are not among them: an exclusive end may be tomorrow's. A vendor that wants a moment
        in another form, or in the future, replaces this.
        """
        for _, value in asked.pairs:
            if _UNIX_S.fullmatch(value):
                yield dt.datetime.fromtimestamp(int(value), dt.UTC)
            elif _UNIX_MS.fullmatch(value):
                yield dt.datetime.fromtimestamp(int(value) / 1000, dt.UTC)
            elif "T" in value:
                try:
                    yield dt.datetime.fromisoformat(value)
                except ValueError:
                    continue

    def read_all(
        self, server: StubServer, recording: Recording, known_through: dt.datetime | None
    ) -> Windows:
        """Read the windows of a recording for what is known already."""
        with self.serve(server, recording).provider() as provider:
            return tuple(provider.charges(ACCOUNT, self.now, known_through))

    def test_every_row_is_read_exactly(self, server: StubServer) -> None:
        """The rows are there, and their sum is the vendor's to the last digit."""
        windows = self.read(self.serve(server, self.account))

        self.check_contents(windows, self.account)

    def test_windows_are_whole_and_apart(self, server: StubServer) -> None:
        """Each row is in one window, the newest window is first, and none ends in the future."""
        windows = self.read(self.serve(server, self.account))

        assert windows
        for window in windows:
            assert (window.account, window.provider) == (ACCOUNT, self.slug)
            assert window.observed_at == self.now
            assert window.start < window.end <= self.now
            assert (window.start.tzinfo, window.end.tzinfo) == (dt.UTC, dt.UTC)
            assert window.complete_through is None or window.complete_through <= self.now
            assert ZoneInfo(window.day_zone) == ZoneInfo(self.day_zone)
            for charge in window.charges:
                assert window.start <= charge.charge_period_start < window.end
        for newer, older in pairwise(windows):
            assert older.end <= newer.start

    def test_rows_are_well_formed(self, server: StubServer) -> None:
        """Amounts are finite decimals, times are aware, names are there, units go with numbers."""
        for charge in _rows(self.read(self.serve(server, self.account))):
            _check(charge)

    def test_keys_are_unique(self, server: StubServer) -> None:
        """Two rows of one key would count once."""
        keys = _keys(self.read(self.serve(server, self.account)))

        assert len(set(keys)) == len(keys)
        assert all(keys)

    def test_a_restated_amount_keeps_its_key(self, server: StubServer) -> None:
        """A day that is read again with another amount restates the row, and adds none."""
        vendor = self.serve(server, self.account)
        before = self.read(vendor)
        vendor.alter(self.main_path, self.replaced(self.amount_field, self._written("77.25")))

        after = self.read(vendor)

        assert _keys(after) == _keys(before)
        assert Decimal("77.25") * self.amount_unit in [row.billed_cost for row in _rows(after)]

    def test_an_amount_keeps_every_digit(self, server: StubServer) -> None:
        """It is never a float, in whichever form the vendor writes it, and its unit is known."""
        for form in self.amount_forms:
            totals = []
            for digits in ("0", *_AMOUNTS):
                vendor = self.serve(server, self.account)
                amount = digits if form == "text" else Digits(digits)
                vendor.alter(self.main_path, self.replaced(self.amount_field, amount))
                totals.append(_total(self.read(vendor)))

            expected = [_EXACT.multiply(Decimal(digits), self.amount_unit) for digits in _AMOUNTS]
            assert [_EXACT.subtract(total, totals[0]) for total in totals[1:]] == expected

    def test_what_is_no_amount_is_a_schema_error(self, server: StubServer) -> None:
        """It is neither 0 nor infinite, and the place is named."""
        amounts: list[object] = [*_NO_AMOUNTS, "", "12,50", "1.2.3", None, True, [], {}]
        amounts += [Digits(digits) for digits in _NO_AMOUNTS]
        for amount in amounts:
            vendor = self.serve(server, self.account)
            vendor.alter(self.main_path, self.replaced(self.amount_field, amount))

            failed = self.failure(vendor)

            assert failed.reason == "schema", amount
            self.check_names_the_answer(failed)

    def test_an_empty_account_is_an_empty_window(self, server: StubServer) -> None:
        """Nothing is a good answer: there is a window, and it has no rows."""
        windows = self.read(self.serve(server, self.empty))

        assert windows
        assert _rows(windows) == []
        assert all(_gaps(window) == self.known_gaps for window in windows)

    def test_nothing_is_recorded_of_a_window_that_fails(self, server: StubServer) -> None:
        """A fault of the first window leaves no window, not an empty one."""
        for reply in (Reply(status=500), Reply(status=410), Reply(body=b"{")):
            vendor = self.serve(server, self.account)
            vendor.fault(self.main_path, reply)
            windows: list[ChargeWindow] = []

            with vendor.provider() as provider, pytest.raises(ProviderError):
                windows.extend(provider.charges(ACCOUNT, self.now, self.known_through))

            assert windows == []

    def test_nothing_of_the_future_is_asked(self, server: StubServer) -> None:
        """Vendors refuse it, or answer with charges that are only planned."""
        self.read_all(server, self.history, None)

        moments = [moment for asked in server.asked for moment in self.moments_asked(asked)]
        assert all(moment <= self.now for moment in moments)

    def test_the_first_read_goes_into_the_past(self, server: StubServer) -> None:
        """As far as the vendor has it, at most 12 months; a later read asks for less."""
        first = self.read_all(server, self.history, None)
        later = self.read_all(server, self.history, self.known_through)

        assert _rows(first)
        self.check_contents(first, self.history)
        assert self.now - _MOST_PAST <= _start(first) <= _start(later)
        assert not self.has_past or _start(first) < _start(later)
        for newer, older in pairwise(first):
            assert older.end == newer.start

    def test_a_long_pause_is_made_up_for(self, server: StubServer) -> None:
        """What was charged since the last good read is read, however long ago it was."""
        known_through = self.now - dt.timedelta(days=100)

        windows = self.read_all(server, self.history, known_through)

        assert not self.has_past or _start(windows) <= known_through
        assert max(window.end for window in windows) > self.now - dt.timedelta(days=2)

    def _written(self, digits: str) -> str | Digits:
        return digits if self.amount_forms[0] == "text" else Digits(digits)


def _gaps(window: ChargeWindow) -> frozenset[str]:
    return frozenset(gap.kind for gap in window.gaps)


def _rows(windows: Iterable[ChargeWindow]) -> list[Charge]:
    return [charge for window in windows for charge in window.charges]


def _keys(windows: Iterable[ChargeWindow]) -> list[str]:
    return [charge.source_row_key for charge in _rows(windows)]


def _start(windows: Windows) -> dt.datetime:
    return min(window.start for window in windows)


def _total(windows: Iterable[ChargeWindow]) -> Decimal:
    total = Decimal(0)
    for charge in _rows(windows):
        total = _EXACT.add(total, charge.billed_cost)
    return total


def _check(charge: Charge) -> None:
    costs = (charge.billed_cost, charge.effective_cost, charge.list_cost, charge.contracted_cost)
    assert [type(cost) for cost in costs] == [Decimal] * len(costs)
    assert all(cost.is_finite() for cost in costs)
    assert _CURRENCY.fullmatch(charge.billing_currency)
    times = (
        charge.charge_period_start,
        charge.charge_period_end,
        charge.billing_period_start,
        charge.billing_period_end,
    )
    assert all(time.tzinfo is dt.UTC for time in times)
    assert charge.charge_period_start < charge.charge_period_end
    assert charge.billing_period_start <= charge.charge_period_start < charge.billing_period_end
    names = (
        charge.service_name,
        charge.service_category,
        charge.service_provider_name,
        charge.invoice_issuer_name,
        charge.billing_account_id,
    )
    assert all(name.strip() for name in names)
    assert (charge.pricing_quantity is None) == (charge.pricing_unit is None)
    assert (charge.consumed_quantity is None) == (charge.consumed_unit is None)
    assert list(charge.tags) == sorted(charge.tags)
    assert charge.raw is None or isinstance(json.loads(charge.raw), dict)
