"""Prices of models: the user's own, then genai-prices if it is newer, then the built-in list."""

import datetime as dt
import threading
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from costmon.clock import Clock, SystemClock
from costmon.domain.amount import Amount
from costmon.domain.model_name import spellings
from costmon.guard.usage_parsing.sellers import region_of, seller_of
from costmon.pricing.llm import (
    LARGEST_CONTEXT,
    LONGEST_OUTPUT,
    ModelPrice,
    Rates,
    TierRates,
)
from costmon.pricing.llm_list import READ_FROM, price_list

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot

_MOST = 1024
_HOUR_S = 3600
_KEYS = {
    "input_mtok": "input",
    "cache_read_mtok": "cached",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "audio",
    "cache_audio_read_mtok": "audio_cached",
    "output_audio_mtok": "audio_output",
    "input_image_mtok": "image",
    "cache_image_read_mtok": "image_cached",
    "output_image_mtok": "image_output",
    "input_video_mtok": "video",
    "output_video_mtok": "video_output",
    "input_mchars": "characters",
    "audio_hours": "seconds",
    "input_document_kpages": "pages",
    "web_searches_kcount": "web_search",
    "storage_searches_kcount": "file_search",
    "requests_kcount": "request",
}
"""Genai-prices' keys and our units; both are for as many of the unit."""

_TIERS = {
    ("service_tier", "flex"): "flex",
    ("service_tier", "priority"): "priority",
    ("processing", "batch"): "batch",
    ("speed", "fast"): "fast",
}

OwnPrice = ModelPrice | tuple[Amount, Amount]
"""A complete price, or US dollars for a million input and output tokens."""


class PriceBook:
    """Looks up prices of models, and caches them.

    Args:
        own: The user's prices by model, such as `{"my-model": ("0.50", "1.50")}`; they come first.
        extra: Whether to use genai-prices, if it is installed.
        clock: Selects among genai-prices' dated prices.

    Attributes:
        loaded: Whether look-ups are fast, because the lists are loaded.

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
            name.strip().lower(): (
                price if isinstance(price, ModelPrice) else ModelPrice(name, Rates.of(*price))
            ).completed()
            for name, price in (own or {}).items()
        }
        self._extra = extra
        self._snapshot: DataSnapshot | None = None
        self._newer = False
        self._loading = threading.Lock()
        self.loaded = False
        self._found: dict[tuple[object, ...], ModelPrice | None] = {}
        self._hour = 0

    def load(self) -> None:
        """Load the lists now, which takes half a second, instead of with the first call."""
        with self._loading:
            if not self.loaded:
                price_list()
                if self._extra:
                    self._load()
                self.loaded = True

    def _load(self) -> None:
        try:
            from importlib.metadata import version

            from genai_prices.data_snapshot import get_snapshot
        except ImportError:
            return
        self._snapshot = get_snapshot()
        self._newer = _version(version("genai-prices")) > READ_FROM or bool(
            getattr(self._snapshot, "from_auto_update", False)
        )

    def price(
        self,
        model: str,
        host: str,
        path: str = "",
        geography: object = None,
        variants: tuple[str, ...] = (),
    ) -> ModelPrice | None:
        """Return a model's price at a host; `None`: it is not known.

        Args:
            model: In any spelling.
            host: That serves it.
            path: Of the URL, which may name a region.
            geography: `inference_geo` of Anthropic's API.
            variants: More exact names of it, with what is asked of it.
        """
        seller = seller_of(host)
        region = region_of(seller, model, path, geography)
        hour = int(self._clock.now().timestamp()) // _HOUR_S
        key = (model, host, region, path if seller == "huggingface" else "", variants)
        if key in self._found and hour == self._hour:
            return self._found[key]
        if not self.loaded:
            self.load()
        names = (*variants, *spellings(model))
        found = next((self._own[name] for name in names if name in self._own), None)
        for name in (*variants, model):
            found = found or self._listed(name, host, path, seller, region)
        if len(self._found) >= _MOST or hour != self._hour:
            self._found, self._hour = {}, hour  # some prices depend on the hour
        self._found[key] = found
        return found

    def _listed(
        self, model: str, host: str, path: str, seller: str | None, region: str
    ) -> ModelPrice | None:
        """Return the price of the lists: the newer one first, and what only the other knows."""
        ours = price_list().price(model, seller, region)
        theirs, same = None, False
        if not region or seller != "anthropic":  # genai-prices does not know geographies
            theirs, same = self._foreign(model, f"https://{host}{path}")
        if ours is None or theirs is None:
            one = ours if theirs is None else theirs
        elif seller in {None, "azure"} or (same and price_list().has(model, seller)):
            theirs = theirs.times(_surcharge(model, seller, region, ours))
            one = theirs.over(ours) if self._newer else ours.over(theirs)
        else:  # only one of them is of this seller
            one = theirs if same else ours
        return None if one is None else one.completed()

    def _foreign(self, model: str, url: str) -> tuple[ModelPrice | None, bool]:
        """Return genai-prices' price, to be completed, and whether it is that of the URL."""
        if self._snapshot is None:
            return None, False
        for place in (url, None):
            for name in spellings(model):
                try:
                    vendor, info = self._snapshot.find_provider_model(name, None, None, place)
                except LookupError:
                    continue
                return listed_by_genai_prices(vendor, info, self._clock.now()), place is not None
        return None, False


def _surcharge(model: str, seller: str | None, region: str, here: ModelPrice) -> Decimal:
    """Return how many times the price that genai-prices knows a region costs.

    It knows the global endpoint of Vertex AI, and the global and the usual one of Bedrock.
    """
    if region == "global" or seller not in {"google", "aws"}:
        return Decimal(1)
    everywhere = price_list().price(model, seller, "global" if seller == "google" else "")
    if everywhere is None or not everywhere.rates.input or here.rates.input is None:
        return Decimal(1)
    return here.rates.input / everywhere.rates.input


def listed_by_genai_prices(vendor: Any, info: Any, now: dt.datetime) -> ModelPrice | None:  # noqa: ANN401 - an optional dependency
    """Return a price of genai-prices, to be completed; `None`: it has no unit that we know."""
    listed = _prices(info.get_prices(now))
    if not listed:
        return None  # free, or by a unit that we do not know
    starts = sorted({tier.start for price in listed.values() for tier in _steps(price)})
    tiers: dict[str, TierRates] = {}
    for variant in info.price_variants or ():
        for said, name in _TIERS.items():
            active = variant.constraint is None or variant.constraint.active(now)
            if tuple(variant.when.items()) == (said,) and active and name not in tiers:
                tiers[name] = _tier_rates(_prices(variant.prices))
    standard = _tier_rates(listed)
    return ModelPrice(
        model=info.id,
        rates=standard.rates,
        long_rates=standard.long_rates,
        long_from=starts[0] if starts else 0,
        tiers=tiers,
        context=info.context_window or LARGEST_CONTEXT,
        most_output=LONGEST_OUTPUT,
        source=f"genai-prices: {vendor.id}",
    )


def _prices(listed: Any) -> dict[str, Any]:  # noqa: ANN401 - an optional dependency
    found = {unit: getattr(listed, key, None) for key, unit in _KEYS.items()}
    return {unit: price for unit, price in found.items() if price is not None}


def _steps(price: Any) -> list[Any]:  # noqa: ANN401 - an optional dependency
    return list(getattr(price, "tiers", ()))


def _tier_rates(listed: Mapping[str, Any]) -> TierRates:
    """Return prices for usual and for long prompts.

    Several tiers of length: the highest price from the first on, so that too much is held, not too
    little.
    """
    usual, long = {}, {}
    for unit, price in listed.items():
        steps = _steps(price)
        usual[unit] = price if isinstance(price, Decimal) else price.base
        long[unit] = steps[-1].price if steps else usual[unit]
    return TierRates(Rates(**usual), Rates(**long) if long != usual else None)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:3] if part.isdigit())
