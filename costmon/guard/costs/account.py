"""Track an AWS account's usage by month, from any thread, so that free usage counts once."""

import datetime as dt
import threading

from costmon.clock import Clock, SystemClock
from costmon.errors import AmountError
from costmon.pricing.aws.account import ALWAYS_FREE, AccountMonth, Allowances, Cost, cost_of
from costmon.pricing.aws.prices import AWS, Prices
from costmon.pricing.aws.usage import Usage

_KEPT = 3


class Account:
    """One AWS account's usage, by billing month (UTC).

    It is in memory, and knows only what this process added: give `allowances` minus what other
    programs use of the account's free amounts, or `NONE_FREE` when in doubt. The last three months
    are kept, so that late usage counts in its own month.

    Args:
        region: AWS region code, the default for `add`.
        allowances: Free usage of each month.
        prices: The price list (default: the built-in one).
        clock: Gives the current month.
    """

    def __init__(
        self,
        *,
        region: str,
        allowances: Allowances = ALWAYS_FREE,
        prices: Prices = AWS,
        clock: Clock | None = None,
    ) -> None:
        self.region = region
        self._allowances = allowances
        self._prices = prices
        self._clock = clock or SystemClock()
        self._months: dict[str, AccountMonth] = {}
        self._lock = threading.RLock()

    def add(
        self, usage: Usage, *, region: str | None = None, at: dt.datetime | None = None
    ) -> Cost:
        """Add usage; return what it costs in addition to its month so far.

        Args:
            usage: The usage.
            region: AWS region code; `None`: the account's.
            at: Aware time; `None`: now.

        Raises:
            PriceUnknownError: Something has no price in the region; nothing was added.
            AmountError: A quantity is not valid, `at` is naive, or its month is no longer kept.
        """
        name = self._name(at)
        with self._lock:
            after, cost = self._month(name).after(usage, region or self.region, self._prices)
            self._months[name] = after
            for old in sorted(self._months)[:-_KEPT]:
                del self._months[old]
            return cost

    def estimate(
        self, usage: Usage, *, region: str | None = None, at: dt.datetime | None = None
    ) -> Cost:
        """Return what `add` would, without adding it."""
        name = self._name(at)
        with self._lock:
            month = self._month(name)
        return cost_of(month, usage, region or self.region, self._prices)

    def month(self, at: dt.datetime | None = None) -> AccountMonth:
        """Return the usage of a month so far."""
        name = self._name(at)
        with self._lock:
            return self._month(name)

    def _name(self, at: dt.datetime | None) -> str:
        if at is None:
            at = self._clock.now()
        elif at.tzinfo is None:
            raise AmountError(f"at={at}", "an aware datetime")
        return f"{at.astimezone(dt.UTC):%Y-%m}"

    def _month(self, name: str) -> AccountMonth:
        known = self._months.get(name)
        if known is not None:
            return known
        if len(self._months) >= _KEPT and name < min(self._months):
            raise AmountError(f"use in {name}", f"a month since {min(self._months)}")
        return AccountMonth(name, self._allowances)
