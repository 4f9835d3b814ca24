"""The price list of language models, `data/llm.csv`: found by vendor, model, region, tier.

`READ_FROM` is the version of genai-prices that most rows were read from; what a newer one knows
goes first. See `data/README.md` for the columns, and `make prices` for the differences.
"""

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from costmon.domain.model_name import spellings
from costmon.pricing.llm import (
    LARGEST_CONTEXT,
    LARGEST_PICTURE,
    LONGEST_OUTPUT,
    STANDARD,
    UNITS,
    ModelPrice,
    Rates,
    TierRates,
)

if TYPE_CHECKING:
    from costmon.pricing.csv_rows import CsvRow

READ_FROM = (0, 2, 3)
ANY_MODEL = "*"
"""The model of a vendor's rows for what costs the same with each model, such as tools."""

_COLUMNS = (
    "vendor",
    "model",
    "aliases",
    "region",
    "tier",
    "above",
    *UNITS,
    "context",
    "max_output",
    "picture_tokens",
    "as_of",
    "source",
)

# Where a vendor serves others' models at their makers' prices, if it has no row of its own.
_MAKERS = (
    "openai",
    "anthropic",
    "google",
    "x-ai",
    "mistral",
    "cohere",
    "deepseek",
    "perplexity",
    "groq",
    "aws",
    "voyageai",
)

_Key = tuple[str, str, str]


class PriceList:
    """Prices by vendor, model and region."""

    def __init__(self, rows: "Iterable[CsvRow]") -> None:
        self._rows: dict[_Key, list[CsvRow]] = {}
        self._aliases: dict[_Key, str] = {}
        self._found: dict[_Key, ModelPrice] = {}
        for row in rows:
            vendor, model, region = row.text("vendor"), row.text("model"), row.text("region")
            self._rows.setdefault((vendor, model, region), []).append(row)
            for alias in row.text("aliases").split():
                self._aliases.setdefault((vendor, alias, region), model)

    def price(self, model: str, vendor: str | None = None, region: str = "") -> ModelPrice | None:
        """Return what a model costs, to be completed; `None`: it is not in the list.

        Args:
            model: In any spelling.
            vendor: Who serves it; `None`, or one without a row for it: its maker's price.
            region: Where, if the vendor has several prices.
        """
        names = spellings(model)
        for seller in dict.fromkeys((vendor, *_MAKERS)):
            if seller is None:
                continue
            for name in names:
                if name == ANY_MODEL:
                    continue
                for place in dict.fromkeys((region, "")):
                    found = self._of(seller, name, place)
                    if found is not None:
                        return found
        return None

    def has(self, model: str, vendor: str | None) -> bool:
        """Return whether the list has a price of this vendor, not only of the model's maker."""
        return vendor is not None and any(
            self._key(vendor, name, region) is not None
            for name in spellings(model)
            for region in ("", "global")
        )

    def models(self) -> tuple[tuple[str, str, str], ...]:
        """Return vendor, model and region of each price."""
        return tuple(key for key in self._rows if key[1] != ANY_MODEL)

    def _of(self, vendor: str, name: str, region: str) -> ModelPrice | None:
        key = self._key(vendor, name, region)
        if key is None:
            return None
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = _price(
                self._rows[key], self._rows.get((vendor, ANY_MODEL, ""))
            )
        return found

    def _key(self, vendor: str, name: str, region: str) -> _Key | None:
        key = (vendor, name, region)
        if key in self._rows:
            return key
        alias = self._aliases.get(key)
        return None if alias is None else (vendor, alias, region)


@lru_cache(maxsize=1)
def price_list() -> PriceList:
    """Return the list, which is read from its file once."""
    from costmon.pricing.csv_rows import csv_rows, shipped_text

    required = ("vendor", "model", "tier", "as_of", "source")
    return PriceList(csv_rows(shipped_text("llm.csv"), _COLUMNS, required))


def price_of(model: str, vendor: str | None = None, region: str = "") -> ModelPrice | None:
    """Return what a model costs according to the list; see `PriceList.price`."""
    found = price_list().price(model, vendor, region)
    return None if found is None else found.completed()


def _price(rows: "list[CsvRow]", any_model: "list[CsvRow] | None") -> ModelPrice:
    plain = next(row for row in rows if row.text("tier") == STANDARD and not row.text("above"))
    tiers: dict[str, TierRates] = {}
    for row in rows:
        rates = _rates(row)
        one = TierRates(Rates(), rates) if row.text("above") else TierRates(rates)
        had = tiers.get(row.text("tier"))
        tiers[row.text("tier")] = one if had is None else had.over(one)
    standard = tiers.pop(STANDARD)
    common = None if any_model is None else any_model[0]
    pictures = plain.text("picture_tokens") or (common.text("picture_tokens") if common else "")
    return ModelPrice(
        model=plain.text("model"),
        rates=standard.rates if common is None else standard.rates.over(_rates(common)),
        long_rates=standard.long_rates,
        long_from=int(next((row.text("above") for row in rows if row.text("above")), "0")),
        tiers=tiers,
        context=int(plain.text("context") or LARGEST_CONTEXT),
        most_output=int(plain.text("max_output") or LONGEST_OUTPUT),
        picture_tokens=int(pictures or LARGEST_PICTURE),
        as_of=plain.day("as_of"),
        source=plain.text("source"),
    )


def _rates(row: "CsvRow") -> Rates:
    return Rates(*(Decimal(row.text(unit)) if row.text(unit) else None for unit in UNITS))
