"""Prices of models: the user's own, then genai-prices if it is newer, then the built-in list."""

import datetime as dt
import threading
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from costmon.clock import Clock, SystemClock
from costmon.domain.amount import Amount
from costmon.pricing.llm import (
    LARGEST_CONTEXT,
    LONGEST_OUTPUT,
    ModelPrice,
    Rates,
    price_of,
    spellings,
)
from costmon.pricing.llm_list import READ_FROM

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot

_MOST = 1024
_PARTS = ("input", "output", "cache_read", "cache_write", "cache_write_1h")

OwnPrice = ModelPrice | tuple[Amount, Amount]
"""A complete price, or US dollars for a million input and output tokens."""


class PriceBook:
    """Looks up prices of models, and caches them.

    Args:
        own: The user's prices by model, such as `{"my-model": ("0.50", "1.50")}`; they come first.
        extra: Whether to use genai-prices, if it is installed.
        clock: Selects among genai-prices' dated prices.

    Attributes:
        loaded: Whether look-ups are fast, because genai-prices is loaded.

    Raises:
        AmountError: A price is not valid.
    """

    def __init__(
        self,
        own: Mapping[str, OwnPrice] | None = None,
        *,
        extra: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._own = {
            name.strip().lower(): price
            if isinstance(price, ModelPrice)
            else ModelPrice(name, Rates.of(*price))
            for name, price in (own or {}).items()
        }
        self._extra = extra
        self._snapshot: DataSnapshot | None = None
        self._newer = False
        self._loading = threading.Lock()
        self.loaded = not extra
        self._found: dict[tuple[str, str], ModelPrice | None] = {}

    def load(self) -> None:
        """Load genai-prices now, which takes half a second, instead of with the first call."""
        with self._loading:
            if not self.loaded:
                self._load()
                self.loaded = True

    def _load(self) -> None:
        try:
            from importlib.metadata import version

            from genai_prices.data_snapshot import get_snapshot
        except ImportError:
            return
        self._newer = _version(version("genai-prices")) > READ_FROM
        self._snapshot = get_snapshot()

    def price(self, model: str, url: str) -> ModelPrice | None:
        """Return a model's price at the vendor of `url`; `None`: it is not known.

        Args:
            model: In any spelling.
            url: Without query and user information.
        """
        key = (model, url)
        if key in self._found:
            return self._found[key]
        if not self.loaded:
            self.load()
        own = next((self._own[name] for name in spellings(model) if name in self._own), None)
        if own is not None:
            found: ModelPrice | None = own
        elif self._newer:
            found = self._foreign(model, url) or price_of(model)
        else:
            found = price_of(model) or self._foreign(model, url)
        if len(self._found) >= _MOST:
            self._found = {}
        self._found[key] = found
        return found

    def _foreign(self, model: str, url: str) -> ModelPrice | None:
        """Return genai-prices' price, if it is by tokens only."""
        if self._snapshot is None:
            return None
        for name in spellings(model):
            try:
                vendor, info = self._snapshot.find_provider_model(name, None, None, url)
            except LookupError:
                try:
                    vendor, info = self._snapshot.find_provider_model(name, None, None, None)
                except LookupError:
                    continue
            return _row(vendor, info, self._clock.now())
        return None


def _row(vendor: Any, info: Any, now: dt.datetime) -> ModelPrice | None:  # noqa: ANN401 - an optional dependency
    listed = info.get_prices(now)
    prices = {part: getattr(listed, f"{part}_mtok", None) for part in _PARTS}
    if prices["input"] is None:
        return None  # per hour, picture or character
    tiers = sorted(
        {tier.start for price in prices.values() for tier in getattr(price, "tiers", ())}
    )
    ours = price_of(info.id)
    return ModelPrice(
        model=info.id,
        rates=_rates(prices, None),
        # Several tiers: the highest price from the first on, so that too much is held, not too
        # little.
        long_rates=_rates(prices, tiers[-1]) if tiers else None,
        long_from=tiers[0] if tiers else 0,
        context=info.context_window or LARGEST_CONTEXT,
        most_output=LONGEST_OUTPUT if ours is None else ours.most_output,
        per_search=getattr(listed, "web_searches_kcount", None) or Decimal(0),
        source=f"genai-prices: {vendor.id}",
    )


def _rates(prices: Mapping[str, Any], start: int | None) -> Rates:
    """Return the prices of prompts from `start` tokens on."""

    def rate(part: str) -> Decimal | None:
        price = prices[part]
        if price is None or isinstance(price, Decimal):
            return price
        steps = [tier.price for tier in price.tiers if start is not None and tier.start <= start]
        return steps[-1] if steps else price.base  # type: ignore[no-any-return]  # untyped in genai-prices

    return Rates.of(
        rate("input") or Decimal(0),
        rate("output") or Decimal(0),
        cached=rate("cache_read"),
        written=rate("cache_write"),
        written_1h=rate("cache_write_1h"),
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:3] if part.isdigit())
