"""What a call to a language model costs: dated list prices by model, and tokens times prices.

A model that nobody knows the price of has none: `None`, never 0.
"""

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import NamedTuple, Self

from costmon.domain.amount import Amount, amount_of
from costmon.pricing.llm_list import AS_OF, LISTED, SOURCES

LONGEST_OUTPUT = 128_000
"""Tokens; no model of the list writes more in one answer, and a row may say less."""

LARGEST_CONTEXT = 2_000_000
"""Tokens that a model can read in one call, where its row does not say."""

_EXACT = Context(prec=50)
_MILLION = Decimal(1_000_000)
_THOUSAND = Decimal(1000)


class Tokens(NamedTuple):
    """What one call used; no token is in two fields.

    Attributes:
        fresh: Read, at the input price.
        cached: Read from the vendor's cache.
        written: Read and written to the vendor's cache.
        written_1h: Read and written to it for an hour.
        output: Written by the model, its reasoning included.
        searches: Searches of the web that the vendor made.
    """

    fresh: int = 0
    cached: int = 0
    written: int = 0
    written_1h: int = 0
    output: int = 0
    searches: int = 0

    @property
    def read(self) -> int:
        """Return all that the model read."""
        return self.fresh + self.cached + self.written + self.written_1h


class Rates(NamedTuple):
    """US dollars for a million tokens.

    Attributes:
        input: Fresh input.
        output: Output.
        cached: Input from the cache.
        written: Input that is written to the cache.
        written_1h: Input that is written to it for an hour.
    """

    input: Decimal
    output: Decimal
    cached: Decimal
    written: Decimal
    written_1h: Decimal

    @classmethod
    def of(
        cls,
        input: Amount,
        output: Amount = 0,
        *,
        cached: Amount | None = None,
        written: Amount | None = None,
        written_1h: Amount | None = None,
    ) -> Self:
        """Return rates; what is not given costs what fresh input costs, or what writing costs.

        Raises:
            AmountError: One is no amount.
        """
        fresh = amount_of(input)
        once = fresh if written is None else amount_of(written)
        return cls(
            input=fresh,
            output=amount_of(output),
            cached=fresh if cached is None else amount_of(cached),
            written=once,
            written_1h=once if written_1h is None else amount_of(written_1h),
        )


class ModelPrice(NamedTuple):
    """What one model costs.

    Attributes:
        model: Its name in the list.
        rates: For prompts up to `long_from` tokens.
        long_rates: For the whole of a longer one; `None`: the same.
        long_from: Tokens.
        context: Tokens that it can read in one call.
        most_output: Tokens that it can write in one call.
        per_search: US dollars for a thousand searches.
        as_of: When the price was read.
        source: Where.
    """

    model: str
    rates: Rates
    long_rates: Rates | None = None
    long_from: int = 0
    context: int = LARGEST_CONTEXT
    most_output: int = LONGEST_OUTPUT
    per_search: Decimal = Decimal(10)
    as_of: dt.date = AS_OF
    source: str = "the user"

    def cost(self, tokens: Tokens) -> Decimal:
        """Return what the tokens cost, US dollars, exact."""
        rates = self.rates
        if self.long_rates is not None and tokens.read > self.long_from:
            rates = self.long_rates
        total = Decimal(0)
        counts = (tokens.fresh, tokens.cached, tokens.written, tokens.written_1h, tokens.output)
        each = (rates.input, rates.cached, rates.written, rates.written_1h, rates.output)
        for count, rate in zip(counts, each, strict=True):
            total = _EXACT.add(total, _EXACT.multiply(Decimal(count), rate))
        searches = _EXACT.multiply(Decimal(tokens.searches), self.per_search)
        return _EXACT.add(_EXACT.divide(total, _MILLION), _EXACT.divide(searches, _THOUSAND))

    def bound(self, prompt: int, output: int, *, caches: bool, caches_1h: bool) -> Decimal:
        """Return the most that a call can cost which reads and writes so many tokens at most."""
        dearest = Tokens(fresh=prompt, output=output)
        choices = [dearest]
        if caches:
            choices.append(Tokens(written=prompt, output=output))
        if caches_1h:
            choices.append(Tokens(written_1h=prompt, output=output))
        return max(self.cost(choice) for choice in choices)


# What names the same model: a place it is served from, a date, an API's version.
_PLACES = re.compile(r"(?:[a-z-]+\.)?(?:anthropic|mistral|cohere|openai|deepseek|amazon|meta)\.")
_VERSION = re.compile(r"-v\d+(?::\d+)?$")
_DATES = re.compile(r"(?:[-@](?:20\d\d-?[01]\d-?[0-3]\d|latest))$")


def spellings(model: str) -> tuple[str, ...]:
    """Return the names that a model may have in a list, the most exact first.

    `us.anthropic.claude-sonnet-4-5-20250929-v1:0`, `claude-sonnet-4-5@20250929`,
    `anthropic/claude-sonnet-4-5` and `claude-sonnet-4-5-latest` are all `claude-sonnet-4-5`. A
    fine-tuned model (`ft:...`) and a variant (`:free`) are models of their own.
    """
    name = model.strip().lower().removeprefix("models/")
    found = [name]
    for pattern in (_PLACES.match, _VERSION.search, _DATES.search):
        hit = pattern(name)
        if hit is not None:
            name = name[: hit.start()] + name[hit.end() :]
            found.append(name)
    vendor, slash, rest = name.partition("/")
    if slash and vendor in SOURCES:
        found += [name, rest, _DATES.sub("", rest)]
    # OpenRouter and others write the point of a version as a point.
    found += [one.replace(".", "-") for one in found if one.startswith("claude-") and "." in one]
    return tuple(dict.fromkeys(found))


def _listed() -> dict[str, ModelPrice]:
    found = {}
    for vendor, rows in LISTED.items():
        for row in rows:
            found[row.model] = ModelPrice(
                model=row.model,
                rates=Rates.of(
                    row.input,
                    row.output,
                    cached=row.cached,
                    written=row.written,
                    written_1h=row.written_1h,
                ),
                long_rates=None
                if row.long is None
                else Rates.of(
                    row.long.input,
                    row.long.output,
                    cached=row.long.cached,
                    written=row.long.written,
                    written_1h=row.long.written_1h,
                ),
                long_from=0 if row.long is None else row.long.above,
                context=row.context or LARGEST_CONTEXT,
                most_output=row.most_output or LONGEST_OUTPUT,
                source=SOURCES[vendor],
            )
    return found


_PRICES = _listed()


def price_of(model: str, own: Mapping[str, ModelPrice] | None = None) -> ModelPrice | None:
    """Return what a model costs; `None` when nobody knows.

    Args:
        model: Its name, in whatever spelling.
        own: The user's prices by name; they win.
    """
    names = spellings(model)
    for prices in (own or {}, _PRICES):
        for name in names:
            price = prices.get(name)
            if price is not None:
                return price
    return None


def known_models() -> tuple[str, ...]:
    """Return the names in the list."""
    return tuple(_PRICES)
