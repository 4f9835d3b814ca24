"""What a call to a language model costs: usage times dated list prices, by unit and service tier.

A unit that nobody knows the price of has none: `None`, never 0.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import NamedTuple, Self

from costmon.domain.amount import Amount, amount_of

LONGEST_OUTPUT = 128_000
"""Tokens; no model of the list writes more in one answer, and a row may say less."""

LARGEST_CONTEXT = 2_000_000
"""Tokens that a model can read in one call, where its row does not say."""

LARGEST_PICTURE = 25_000
"""Tokens of one picture, where the row of its model does not say."""

STANDARD = "standard"
_DEAREST_TIER = {"fast": 6}
"""Most that a tier costs, as a multiple of standard, where there is no row for it; others: 2."""
CHEAPER_TIERS = frozenset(("flex", "batch", STANDARD))

_EXACT = Context(prec=50)
_MILLION = Decimal(1_000_000)


class LlmUsage(NamedTuple):
    """What one call used, by unit; nothing is counted in two units.

    Attributes:
        input: Tokens read: text, and everything that is not counted below.
        cached: Tokens read from the vendor's cache.
        cache_write: Tokens read and written to the vendor's cache, for five minutes.
        cache_write_1h: Tokens read and written to it for an hour.
        output: Tokens written: text.
        reasoning: Tokens of reasoning.
        audio: Tokens of sound read.
        audio_cached: Tokens of sound read from the cache.
        audio_output: Tokens of sound written.
        image: Tokens of pictures read.
        image_cached: Tokens of pictures read from the cache.
        image_output: Tokens of pictures written.
        video: Tokens of video read.
        video_output: Tokens of video written.
        characters: Characters spoken.
        seconds: Seconds of sound.
        pictures: Pictures made, where they are paid by the piece.
        pages: Pages of documents read.
        web_search: Searches of the web that the vendor made.
        file_search: Searches of files that the vendor stores.
        code_run: Containers in which the vendor ran code.
        request: Requests, where each has a price.
    """

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    audio: int = 0
    audio_cached: int = 0
    audio_output: int = 0
    image: int = 0
    image_cached: int = 0
    image_output: int = 0
    video: int = 0
    video_output: int = 0
    characters: int = 0
    seconds: Decimal = Decimal(0)
    pictures: int = 0
    pages: int = 0
    web_search: int = 0
    file_search: int = 0
    code_run: int = 0
    request: int = 0

    @property
    def counts(self) -> tuple[int | Decimal, ...]:
        """Return the counts in the order of `UNITS`."""
        return tuple(self)

    @property
    def read(self) -> int:
        """Return all tokens that the model read."""
        return (
            self.input
            + self.cached
            + self.cache_write
            + self.cache_write_1h
            + self.audio
            + self.audio_cached
            + self.image
            + self.image_cached
            + self.video
        )

    @property
    def written(self) -> int:
        """Return all tokens that the model wrote."""
        return (
            self.output + self.reasoning + self.audio_output + self.image_output + self.video_output
        )


UNITS = LlmUsage._fields
_OTHER_PER = {"seconds": 3600, "characters": 1_000_000}
_THOUSANDS = frozenset(("pictures", "pages", "web_search", "file_search", "code_run", "request"))
PER = tuple(
    Decimal(1000 if unit in _THOUSANDS else _OTHER_PER.get(unit, 1_000_000)) for unit in UNITS
)
"""How many of each unit its price is for."""

# What a unit costs that has no price of its own. Pictures are read at the price of text unless the
# list says otherwise; sound and video, and what is written as a picture, never are.
_FALLS_BACK = {
    "cached": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "reasoning": "output",
    "audio_cached": "audio",
    "image": "input",
    "image_cached": "cached",
}


_FORMER_NAMES = {
    "written": "cache_write",
    "written_1h": "cache_write_1h",
    "per_search": "web_search",
}
"""Names that earlier versions had for units, in `Rates.of`."""


class Rates(NamedTuple):
    """US dollars by unit: for a million tokens or characters, 3,600 seconds, 1,000 of the others.

    The fields are those of `LlmUsage`; `None`: there is no price.
    """

    input: Decimal | None = None
    cached: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    output: Decimal | None = None
    reasoning: Decimal | None = None
    audio: Decimal | None = None
    audio_cached: Decimal | None = None
    audio_output: Decimal | None = None
    image: Decimal | None = None
    image_cached: Decimal | None = None
    image_output: Decimal | None = None
    video: Decimal | None = None
    video_output: Decimal | None = None
    characters: Decimal | None = None
    seconds: Decimal | None = None
    pictures: Decimal | None = None
    pages: Decimal | None = None
    web_search: Decimal | None = None
    file_search: Decimal | None = None
    code_run: Decimal | None = None
    request: Decimal | None = None

    @classmethod
    def of(cls, input: Amount, output: Amount = 0, **others: Amount) -> Self:
        """Return rates; tokens of any kind without a price cost what input or output costs.

        Args:
            input: For a million tokens read.
            output: For a million tokens written.
            others: Prices of other units, by their names; `written`, `written_1h` and `per_search`
                are accepted as other names of `cache_write`, `cache_write_1h` and `web_search`.

        Raises:
            AmountError: One is no amount.
            TypeError: There is no such unit, or it is given under both of its names.
        """
        given = {_FORMER_NAMES.get(unit, unit): amount_of(it) for unit, it in others.items()}
        if len(given) < len(others):
            raise TypeError(f"a unit is given under two names, in {', '.join(sorted(others))}")
        read, written = amount_of(input), amount_of(output)
        tokens = {"audio": read, "video": read, "audio_output": written, "image_output": written}
        tokens["video_output"] = written
        return cls(**({"input": read, "output": written} | tokens | given)).filled()

    def filled(self) -> Self:
        """Return them with the prices that units have by those of others."""
        found = self._asdict()
        for unit, other in _FALLS_BACK.items():
            if found[unit] is None:
                found[unit] = found[other]
        return type(self)(**found)

    def over(self, other: "Rates") -> Self:
        """Return these, and of the other ones what these lack."""
        return type(self)(*(b if a is None else a for a, b in zip(self, other, strict=True)))


class TierRates(NamedTuple):
    """What a service tier costs.

    Attributes:
        rates: For prompts up to `ModelPrice.long_from` tokens.
        long_rates: For the whole of a longer one; `None`: the same.
        exact: Whether `long_rates` are the tier's own; if not, they are at least as high.
    """

    rates: Rates
    long_rates: Rates | None = None
    exact: bool = True

    def over(self, other: "TierRates") -> "TierRates":
        """Return these, and of the other ones what these lack."""
        long = self.long_rates or other.long_rates
        if self.long_rates is not None and other.long_rates is not None:
            long = self.long_rates.over(other.long_rates)
        return TierRates(self.rates.over(other.rates), long)


class Cost(NamedTuple):
    """What a call cost.

    Attributes:
        amount: US dollars, exact.
        missing: Units that were used and have no price; `amount` is without them.
        exact: Whether the prices are those of its service tier; if not, they are at least as high.
    """

    amount: Decimal
    missing: tuple[str, ...] = ()
    exact: bool = True


class ModelPrice(NamedTuple):
    """What one model costs.

    Attributes:
        model: Its name in the list.
        rates: Of the standard tier, for prompts up to `long_from` tokens.
        long_rates: For the whole of a longer one; `None`: the same.
        long_from: Tokens.
        tiers: Other service tiers: `flex`, `priority`, `batch`, `fast`.
        context: Tokens that it can read in one call.
        most_output: Tokens that it can write in one call.
        picture_tokens: Tokens that one picture has at most, whatever its size.
        as_of: When the price was read; `None`: it is the user's.
        source: Where.
        per_search: US dollars for 1,000 searches of the web: the former way to give
            `rates.web_search`, and used if that is `None`.
    """

    model: str
    rates: Rates
    long_rates: Rates | None = None
    long_from: int = 0
    tiers: Mapping[str, TierRates] = {}
    context: int = LARGEST_CONTEXT
    most_output: int = LONGEST_OUTPUT
    picture_tokens: int = LARGEST_PICTURE
    as_of: dt.date | None = None
    source: str = "the user"
    per_search: Amount | None = None

    def over(self, other: "ModelPrice") -> "ModelPrice":
        """Return this price, and what another list knows besides; to be completed."""
        tiers = dict(other.tiers)
        for name, own in self.tiers.items():
            tiers[name] = own.over(tiers[name]) if name in tiers else own
        return self._replace(
            rates=self.rates.over(other.rates),
            tiers=tiers,
            context=min(self.context, other.context),
            most_output=min(self.most_output, other.most_output),
            picture_tokens=min(self.picture_tokens, other.picture_tokens),
        )

    def times(self, factor: Decimal) -> "ModelPrice":
        """Return this price with each price of tokens times a factor."""
        if factor == 1:
            return self

        def more(rates: Rates | None) -> Rates | None:
            return None if rates is None else _times(rates, factor)

        tiers = {
            name: TierRates(_times(own.rates, factor), more(own.long_rates), exact=own.exact)
            for name, own in self.tiers.items()
        }
        return self._replace(
            rates=_times(self.rates, factor), long_rates=more(self.long_rates), tiers=tiers
        )

    def completed(self) -> "ModelPrice":
        """Return it with the prices that units and tiers have by those of others."""
        if self.per_search is not None:
            searches = Rates(web_search=amount_of(self.per_search))
            return self._replace(rates=self.rates.over(searches), per_search=None).completed()
        rates = self.rates.filled()
        long = None if self.long_rates is None else self.long_rates.over(self.rates).filled()
        tiers = {}
        for name, own in self.tiers.items():
            factor = Decimal(1) if name in CHEAPER_TIERS else _factor(own.rates, self.rates)
            mine = _like(own.rates, rates).over(_times(rates, factor))
            if long is None:
                tiers[name] = TierRates(mine)
            elif own.long_rates is None:  # the long prompts of this tier are not in the list
                tiers[name] = TierRates(mine, _times(long, factor), exact=False)
            else:
                tiers[name] = TierRates(
                    mine, _like(own.long_rates, long).over(_times(long, factor))
                )
        return self._replace(rates=rates, long_rates=long, tiers=tiers)

    def tier(self, name: str, *, long: bool) -> tuple[Rates, bool]:
        """Return the rates of a tier, and whether they are its own; if not, they are no lower."""
        standard = self.rates if self.long_rates is None or not long else self.long_rates
        if name == STANDARD:
            return standard, True
        own = self.tiers.get(name)
        if own is None:
            if name in CHEAPER_TIERS:
                return standard, False
            return _times(standard, Decimal(_DEAREST_TIER.get(name, 2))), False
        if long and own.long_rates is not None:
            return own.long_rates, own.exact
        return own.rates, True

    def cost(self, usage: LlmUsage, tier: str = STANDARD) -> Cost:
        """Return what so much usage costs."""
        long = self.long_rates is not None and usage.read > self.long_from
        rates, exact = self.tier(tier, long=long)
        total, missing = Decimal(0), []
        for count, rate, per, unit in zip(usage.counts, rates, PER, UNITS, strict=True):
            if not count:
                continue
            if rate is None:
                missing.append(unit)
                continue
            price = _EXACT.multiply(Decimal(count), rate)
            total = _EXACT.add(total, _EXACT.divide(price, per))
        return Cost(total, tuple(missing), exact)

    @property
    def by_tokens(self) -> bool:
        """Return whether a call is paid by tokens, at least in part."""
        rates = self.rates
        return any(rate is not None for rate in (rates.input, rates.output, rates.image_output))


def _like(own: Rates, standard: Rates) -> Rates:
    """Return a tier's rates with those that, in the standard tier, equal its input or output."""
    found = own._asdict()
    for unit, price, per in zip(UNITS, standard, PER, strict=True):
        if found[unit] is None and price is not None and per == _MILLION:
            if price == standard.input:
                found[unit] = own.input
            elif price == standard.output:
                found[unit] = own.output
    return Rates(**found)


def _factor(own: Rates, standard: Rates) -> Decimal:
    """Return the most that a tier's known prices are above the standard ones."""
    return max(
        (
            _EXACT.divide(mine, usual)
            for mine, usual in zip(own, standard, strict=True)
            if mine is not None and usual
        ),
        default=Decimal(1),
    )


def _times(rates: Rates, factor: Decimal) -> Rates:
    """Return token prices times a factor; tools have one price in all tiers."""
    return Rates(
        *(
            rate if rate is None or per != _MILLION else _EXACT.multiply(rate, factor)
            for rate, per in zip(rates, PER, strict=True)
        )
    )
