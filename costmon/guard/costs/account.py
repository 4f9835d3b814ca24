"""Count an AWS account's months while they pass, from any thread: free use is given out once."""

import datetime as dt
import threading

from costmon.clock import Clock, SystemClock
from costmon.errors import AmountError
from costmon.pricing.aws.account import ALWAYS_FREE, AccountMonth, Allowances, Cost, cost_of
from costmon.pricing.aws.prices import AWS, Prices
from costmon.pricing.aws.usage import Usage

_KEPT = 3


class Account:
    """One AWS account's use, by billing month (UTC).

    It knows what this process told it and forgets it at the end: give `allowances` less what other
    programs use of the account's free amounts, or `NONE_FREE` when in doubt. The last three months
    are kept, so that what comes late is counted where it belongs.

    Args:
        region: AWS's code of where use is counted unless `add` says otherwise.
        allowances: What is free in each month.
        prices: The price list, or yours.
        clock: Tells the month.
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
        self._lock = threading.Lock()

    def add(
        self, usage: Usage, *, region: str | None = None, at: dt.datetime | None = None
    ) -> Cost:
        """Count use; return what it costs on top of what its month had before.

        Args:
            usage: What was used.
            region: Where; `None`: the account's.
            at: When, aware; `None`: now.

        Raises:
            PriceUnknownError: Something has no price there; nothing was counted.
            AmountError: A quantity is none, `at` is naive, or its month is no longer kept.
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
        """Return what `add` would, without counting it."""
        name = self._name(at)
        with self._lock:
            month = self._month(name)
        return cost_of(month, usage, region or self.region, self._prices)

    def month(self, at: dt.datetime | None = None) -> AccountMonth:
        """Return what was used in a month so far."""
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
