"""What a call to a language model can cost, before it is sent, and what it did cost."""

from collections.abc import MutableMapping
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

from costmon.clock import Clock, SystemClock
from costmon.domain.model_name import family_of
from costmon.guard.attempt import HeldLease
from costmon.guard.clients.answer import Answer
from costmon.guard.clients.wire_call import WireCall
from costmon.guard.usage_parsing.bound import PICTURE_COST, Bound
from costmon.guard.usage_parsing.by_piece import names_of, pieces_of
from costmon.guard.usage_parsing.llm_call import LlmCall, llm_call_of, tier_of
from costmon.guard.usage_parsing.price_book import PriceBook
from costmon.guard.usage_parsing.request_body import text_size
from costmon.guard.usage_parsing.said_cost import said_cost
from costmon.guard.usage_parsing.sessions import Earlier, Sessions
from costmon.pricing.llm import STANDARD, LlmUsage, ModelPrice

ZERO = Decimal(0)
_FASTEST = 1_000
"""Tokens of hidden reasoning that a model writes in a second, at most."""

_OK, _REDIRECT, _TIMEOUT = 200, 300, 408
_TOKEN_HEADERS = ("x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count")
_PEAK_HOURS = ((1, 4), (6, 10))
"""DeepSeek's, in UTC."""

_LONGEST_NUMBER = 40
_MOST_LEARNT = 4096


class LlmRequest(NamedTuple):
    """A request to a language model, and what it can cost.

    Attributes:
        call: What it asks for.
        model: As named, or as learnt from an earlier answer of a deployment; `None`: it names none.
        family: The canonical name of the model.
        tier: The service tier that is held.
        price: The price of the model; `None`: it is not known.
        hold: The most that it can cost, US dollars; `None`: there is no price.
        unpriced: Why the price is not known, as a sentence for people.
        name: What a notice about it is counted by.
        output_tokens: Output that is held, of all choices together.
        output_field: The field that limits it; `None`: this format has no such field.
        per_output_token: Price of one more token of `output_field`.
        fixed: The part of the hold that no limit of the output makes cheaper.
        padding: The part of `fixed` that is only held, never charged as a bound.
        earlier: What is known from earlier turns.
        place: Host, model and tier, for `Sessions`.
        free: Whether it is known to cost nothing.
    """

    call: LlmCall
    model: str | None
    family: str | None
    tier: str
    price: ModelPrice | None
    hold: Decimal | None
    unpriced: str | None
    name: str
    output_tokens: int = 0
    output_field: str | None = None
    per_output_token: Decimal = ZERO
    fixed: Decimal = ZERO
    padding: Decimal = ZERO
    earlier: Earlier | None = None
    place: str = ""
    free: bool = False

    @property
    def seller(self) -> str | None:
        """Return who serves the model; `None`: the host is not known."""
        return self.call.seller

    def output_that_fits(self, room: Decimal) -> int | None:
        """Return the output tokens that cost at most `room` with the rest; `None`: not even one."""
        if self.hold is None or not self.per_output_token or self.fixed > room:
            return None
        fits = (room - self.fixed) / self.per_output_token
        return int(fits.to_integral_value(ROUND_FLOOR)) or None


class Notice(NamedTuple):
    """Something that a person should know about calls of one kind, once.

    Attributes:
        kind: `no-price`, `part-without-price`, `stream-without-usage` or `unreadable`.
        name: What it is about.
        text: What was found, and what to do.
    """

    kind: str
    name: str
    text: str


class Charge(NamedTuple):
    """What a call cost.

    Attributes:
        amount: US dollars; `None`: not known, what was held is charged.
        estimated: Whether `amount` is a bound and not the vendor's figure.
        model: That answered.
        tier: That it was served in.
        usage: What it used.
        notices: To be told once.
    """

    amount: Decimal | None
    estimated: bool = False
    model: str | None = None
    tier: str | None = None
    usage: LlmUsage | None = None
    notices: tuple[Notice, ...] = ()


class LlmCosts:
    """Reads what calls to language models can cost, and did cost.

    Args:
        book: The prices.
        sessions: Whether turns of a conversation are held at what earlier turns let expect.
        clock: For how long caches last.
        learnt: The model behind a deployment, by `host/deployment`; shared if the mapping is.
    """

    def __init__(
        self,
        book: PriceBook,
        *,
        sessions: bool = True,
        clock: Clock | None = None,
        learnt: MutableMapping[str, str] | None = None,
    ) -> None:
        self.book = book
        self._clock = clock or SystemClock()
        self._sessions = Sessions() if sessions else None
        self._learnt: MutableMapping[str, str] = {} if learnt is None else learnt
        self._charged: dict[str, Decimal] = {}
        self._waiting: dict[str, HeldLease] = {}

    def request(self, call: WireCall) -> LlmRequest | None:
        """Return what a request can cost; `None`: it is not recognised as a call to a model."""
        found = llm_call_of(call.method, call.host, call.path, call.headers, call.body, call.size)
        if found is None:
            return None
        if found.later is not None and found.seller is None and found.later not in self._charged:
            return None  # of an unknown host, only what was asked for here
        name = found.model or call.path.rpartition("/")[2]
        about = f"{name[:100]} at {call.host}"
        if found.wire == "free" or found.later is not None:
            model, family = found.model, None
            return LlmRequest(found, model, family, found.tier, None, ZERO, None, about, free=True)
        model = found.model
        if model is not None:
            model = self._learnt.get(f"{call.host}/{model}", model)
        price = None
        if model is not None:
            names = names_of(found.wire, found.body.fields, family_of(model))
            price = self.book.price(model, call.host, call.path, found.geography, names)
        request = LlmRequest(
            call=found,
            model=model,
            family=None if model is None else family_of(model),
            tier=self._tier(found, price),
            price=price,
            hold=None,
            unpriced=None,
            name=about,
            output_field=found.limit_field,
            place=f"{call.host}|{model}|{found.tier}|",
        )
        if found.parts:
            return self._held_batch(call, request)
        why = found.body.problem or _no_price(found, price, model)
        if why is not None or price is None:
            return request._replace(unpriced=why)
        return self._held(request, price)

    def _tier(self, call: LlmCall, price: ModelPrice | None) -> str:
        """Return the tier of a request; DeepSeek's prices depend on the hour."""
        tier = _priced_tier(call.tier, call.seller)
        if tier == STANDARD and call.seller == "deepseek" and price and "peak" in price.tiers:
            hour = self._clock.now().hour
            return "peak" if any(first <= hour < end for first, end in _PEAK_HOURS) else STANDARD
        return tier

    def _held_batch(self, call: WireCall, request: LlmRequest) -> LlmRequest:
        """Return a batch with the sum of what its calls can cost."""
        total = ZERO
        for part in request.call.parts:
            price = None
            if part.model is not None:
                price = self.book.price(part.model, call.host, call.path, part.geography)
            why = _no_price(part, price, part.model)
            if why is not None or price is None:
                return request._replace(unpriced=why)
            tier = "batch"
            one = self._held(request._replace(call=part, price=price, tier=tier), price)
            total += one.hold or ZERO
        return request._replace(hold=total, fixed=total, output_field=None)

    def _held(self, request: LlmRequest, price: ModelPrice) -> LlmRequest:
        """Return a request with what it can cost."""
        call = request.call
        earlier = None
        if self._sessions is not None and not call.prompt.refers:
            now_s = self._clock.monotonic_s()
            earlier = self._sessions.earlier(request.place, call.prompt, now_s)
        bound = Bound(call, price, request.tier, earlier, request.family)
        output = bound.output
        fixed = bound.input_cost + bound.tools_cost
        return request._replace(
            hold=fixed + output * bound.per_output,
            output_tokens=output,
            per_output_token=bound.per_output * call.choices,
            fixed=fixed,
            padding=bound.padding_cost,
            earlier=earlier,
        )

    def charge(self, request: LlmRequest, answer: Answer) -> Charge:
        """Return what a call cost, by what its answer says."""
        call = request.call
        if call.wire == "free":
            return Charge(ZERO)
        if call.later is not None:
            return self._charge_later(request, answer)
        usage = answer.tokens or _header_usage(answer, request.price)
        if usage is None and not _OK <= answer.status < _REDIRECT:
            # A vendor charges nothing for what it refused, or failed to do.
            return Charge(None if answer.status == _TIMEOUT else ZERO)
        return self._charge_answered(request, answer, usage)

    def _charge_answered(
        self, request: LlmRequest, answer: Answer, usage: LlmUsage | None
    ) -> Charge:
        model, price = self._answered(request, answer)
        charge = Charge(
            amount=None,
            estimated=True,
            model=model,
            tier=_served_tier(request, answer),
            usage=usage,
            notices=_unreadable(request, answer),
        )
        if usage is not None and answer.complete:
            self._learn(request, usage)
        said = said_cost(request.call.seller, answer.usage)
        if said is not None:
            return charge._replace(amount=said, estimated=False)
        if answer.unfinished and usage is None and request.unpriced is None:
            return charge
        if price is None:
            return charge._replace(notices=(*charge.notices, _without_price(request, model)))
        return _priced(request, answer, charge, price)

    def _answered(
        self, request: LlmRequest, answer: Answer
    ) -> tuple[str | None, ModelPrice | None]:
        """Return the model that answered, and its price."""
        call = request.call
        if answer.model is None or answer.model == request.model:
            return request.model, request.price
        geography = answer.usage.get("inference_geo", call.geography)
        host, _, _ = request.place.partition("|")
        found = self.book.price(answer.model, host, "", geography)
        if found is not None and call.model is not None and call.seller in {"azure", None}:
            known = request.price is not None and family_of(answer.model) == request.family
            if not known and len(self._learnt) < _MOST_LEARNT:
                self._learnt[f"{host}/{call.model}"] = answer.model
        if found is None or _same_price(request, answer.model):
            return answer.model, request.price if request.price is not None else found
        return answer.model, found

    def _learn(self, request: LlmRequest, usage: LlmUsage) -> None:
        if self._sessions is not None and request.place and not request.call.prompt.refers:
            now_s = self._clock.monotonic_s()
            self._sessions.learn(request.place, request.call.prompt, usage, now_s)

    def postpone(self, request: LlmRequest, answer: Answer, lease: HeldLease) -> bool:
        """Keep the lease of a call that the vendor works on in the background.

        Returns:
            Whether it is kept: until the result is read, or its time to live is over.
        """
        call = request.call
        new = call.later is None and (bool(call.parts) or call.wire == "responses")
        name = answer.response_id
        if not (
            new
            and answer.unfinished
            and answer.tokens is None
            and name
            and _OK <= answer.status < _REDIRECT
        ):
            return False
        if len(self._waiting) >= _MOST_LEARNT:
            return False
        self._waiting[name] = lease
        self._charged[name] = ZERO
        return True

    def postponed(self, request: LlmRequest, answer: Answer) -> HeldLease | None:
        """Return the lease of the call whose result has been read: to be settled at its charge."""
        later = request.call.later
        if later is None or answer.unfinished or not _OK <= answer.status < _REDIRECT:
            return None
        return self._waiting.pop(later, None)

    def _charge_later(self, request: LlmRequest, answer: Answer) -> Charge:
        """Return what a result that is read later costs beyond what was charged for its call."""
        later = str(request.call.later)
        if not _OK <= answer.status < _REDIRECT:
            return Charge(ZERO)
        results = answer.results or (
            () if answer.tokens is None else ((answer.model, answer.tokens),)
        )
        if not results or answer.unfinished:
            return Charge(ZERO)
        charged = self._charged.get(later)
        total = ZERO
        host = request.name.rpartition(" at ")[2]
        for model, usage in results:
            price = None if model is None else self.book.price(model, host)
            if price is None:
                continue
            tier = _served_tier(request, answer)
            total += price.cost(usage, tier).amount
        if request.call.wire == "responses" and charged is None:
            return Charge(ZERO)  # charged when it was made, or read before
        self._charged[later] = max(total, charged or ZERO)
        return Charge(max(ZERO, total - (charged or ZERO)))


def _priced(request: LlmRequest, answer: Answer, charge: Charge, price: ModelPrice) -> Charge:
    """Return a charge with its amount, by the price of the model that answered."""
    usage, tier = charge.usage or _usage_of_request(request, answer, price), str(charge.tier)
    if usage is not None and answer.complete:
        cost = price.cost(_with_request(usage, price), tier)
        if cost.missing:
            notice = _part_without_price(request, charge.model, cost.missing)
            whole = cost.amount
            if "pictures" in cost.missing:
                whole += usage.pictures * PICTURE_COST
            whole = max(whole, request.hold or ZERO)
            return charge._replace(amount=whole, notices=(*charge.notices, notice))
        return charge._replace(amount=cost.amount, estimated=not cost.exact, usage=usage)
    if request.hold is None:
        notice = _without_price(request, charge.model)
        return charge._replace(notices=(*charge.notices, notice))
    notices = charge.notices
    if request.call.streams and not request.call.tells_usage and answer.complete:
        notices = (*notices, _stream_without_usage(request))
    amount = _bound_of_received(request, answer, price, tier, usage)
    return charge._replace(amount=amount, notices=notices)


def _priced_tier(tier: str, seller: str | None) -> str:
    """Return the tier by whose prices a call is counted.

    Anthropic's priority tier uses up capacity that was paid for before, at the standard prices.
    """
    if tier == "priority" and seller == "anthropic":
        return STANDARD
    return tier


def _served_tier(request: LlmRequest, answer: Answer) -> str:
    """Return the tier of an answer, or of the request if it does not say."""
    said: object = answer.tier
    for name in ("service_tier", "serviceTier", "trafficType"):
        said = answer.usage.get(name, said)
    if answer.usage.get("speed") == "fast":
        return "fast"
    if isinstance(said, str):
        found = tier_of(said.lower().removeprefix("on_demand_") if said != "ON_DEMAND" else said)
        if found is not None and not (found == STANDARD and request.call.wire == "batch"):
            if request.tier in {"fast", "peak"} and found == STANDARD:
                return request.tier
            return _priced_tier(found, request.call.seller)
    return request.tier


def _same_price(request: LlmRequest, answered: str) -> bool:
    """Return whether the answer names the model less exactly than the request did."""
    return (
        request.model is not None
        and request.price is not None
        and family_of(answered) == request.family
        and len(answered) <= len(request.model)
    )


def _no_price(call: LlmCall, price: ModelPrice | None, model: str | None) -> str | None:
    """Return why a call has no price; `None`: it has one."""
    if call.wire in {"unknown", "other"} or (call.wire == "batch" and not call.parts):
        return "there are no prices of this kind of request"
    if model is None:
        return "it does not say which model"
    if price is None:
        return "the model has no price in the list: give one by Costing(prices=...)"
    return None if _fits(call, price) else "the list has no price of this unit for this model"


def _fits(call: LlmCall, price: ModelPrice) -> bool:
    """Return whether a price has the unit that a call is paid by."""
    if call.wire in {"embeddings", "transcription", "rerank"}:
        return True
    rates = price.rates
    by_tokens = price.by_tokens and call.wire not in {"predict", "videos"}
    by_time = rates.characters is not None or rates.seconds is not None
    return by_tokens or by_time or pieces_of(call.wire, call.body.fields, 1, rates) is not None


def _illegible(answer: Answer) -> bool:
    """Return whether an answer has a usage, or may have one, that cannot be read."""
    return bool(answer.problem or (answer.usage and answer.tokens is None))


def _unreadable(request: LlmRequest, answer: Answer) -> tuple[Notice, ...]:
    if not _illegible(answer):
        return ()
    problem = answer.problem or "its usage has no counts that are known and plausible"
    text = f"its answer cannot be read: {problem}; what is held is charged"
    return (Notice("unreadable", request.name, text),)


def _without_price(request: LlmRequest, model: str | None) -> Notice:
    why = request.unpriced or f"{(model or 'its model')[:100]} has no price in the list"
    return Notice("no-price", request.name, f"{why}; the amount of `unpriced` is charged")


def _part_without_price(request: LlmRequest, model: str | None, missing: tuple[str, ...]) -> Notice:
    text = (
        f"it used {', '.join(missing)}, of which {(model or 'the model')[:100]} has no price: what"
        " was held is charged; give a price by Costing(prices=...)"
    )
    return Notice("part-without-price", request.name, text)


def _stream_without_usage(request: LlmRequest) -> Notice:
    text = (
        "its stream did not say what it used, so a bound is charged: send"
        ' "stream_options": {"include_usage": true}'
    )
    return Notice("stream-without-usage", request.name, text)


def _with_request(usage: LlmUsage, price: ModelPrice) -> LlmUsage:
    """Add what is paid by the call: a request, or the search of a model that always searches."""
    if price.rates.request is not None and not usage.request:
        usage = usage._replace(request=1)
    if "search-preview" in price.model or "search-api" in price.model:
        usage = usage._replace(web_search=max(1, usage.web_search))
    if usage.web_search and price.model.startswith(("gemini-1", "gemini-2")):
        usage = usage._replace(web_search=1)  # paid by the prompt; from Gemini 3 on by the search
    return usage


def _usage_of_request(request: LlmRequest, answer: Answer, price: ModelPrice) -> LlmUsage | None:
    """Return the usage of an answer that never says it: what was to be spoken, or made."""
    call = request.call
    pieces = pieces_of(call.wire, call.body.fields, call.choices, price.rates)
    if pieces is not None:
        return pieces
    text = call.body.fields.get("input")
    by_characters = call.wire == "speech" and price.rates.characters is not None
    if by_characters and answer.complete and isinstance(text, str):
        return LlmUsage(characters=text_size(text) if "\x00" in text else len(text))
    return None


def _bound_of_received(
    request: LlmRequest, answer: Answer, price: ModelPrice, tier: str, usage: LlmUsage | None
) -> Decimal | None:
    """Return a bound for an answer that ended without its usage; `None`: what was held.

    Each token is at least one byte of the text that was received. Reasoning is not in it; there is
    at most so much as a model can write in the time that the answer took.
    """
    if request.hold is None or not request.call.writes or _illegible(answer):
        return None
    if request.call.wire in {"images", "speech"} or request.call.speaks:
        return None
    written = answer.text_bytes
    if request.call.thinks:
        if answer.elapsed_s is None:
            return None
        written += int(max(0.0, answer.elapsed_s) * _FASTEST) + 1
    if usage is not None:
        output = min(max(written, usage.written), max(request.output_tokens, usage.written))
        bound = price.cost(usage._replace(output=output, reasoning=0), tier).amount
        return min(bound, request.hold)
    output = min(written, request.output_tokens)
    per_output = request.per_output_token / max(1, request.call.choices)
    return min(request.fixed - request.padding + output * per_output, request.hold)


def _header_usage(answer: Answer, price: ModelPrice | None) -> LlmUsage | None:
    counts = [answer.headers.get(name, "") for name in _TOKEN_HEADERS]
    if not counts[1] and price is not None and price.rates.output is None:
        counts[1] = "0"  # an embedding
    if all(
        count.isascii() and count.isdigit() and len(count) < _LONGEST_NUMBER for count in counts
    ):
        return LlmUsage(input=int(counts[0]), output=int(counts[1]))
    return None
