"""What a request is counted by, what it can cost at most, and what it did cost."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import NamedTuple

from costmon.domain.amount import Amount, amount_of
from costmon.domain.scope import scope_of
from costmon.errors import AmountError, ScopeError
from costmon.guard.clients.answer import Answer
from costmon.guard.clients.wire_call import WireCall
from costmon.guard.cost_headers import allowed_hosts
from costmon.guard.log import log
from costmon.guard.usage_parsing.llm_call import LlmCall, llm_call_of
from costmon.guard.usage_parsing.price_book import OwnPrice, PriceBook
from costmon.pricing.llm import ModelPrice, Tokens

GB = 10**9
UNKNOWN_BYTES = 1_048_576
TTL_S = 600.0
"""As long as the SDKs of OpenAI and Anthropic wait for an answer."""

COST_HEADERS = ("x-litellm-response-cost",)
COST_FIELDS = ("cost",)
_TOKEN_HEADERS = ("x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count")
_REDIRECT = 300
_TIMEOUT = 408
_SERVER_ERROR = 500
_LONGEST_NUMBER = 40

Scopes = Iterable[str] | Callable[[WireCall], Iterable[str]]
Estimate = Callable[[WireCall], Amount | None]
Settle = Callable[[WireCall, Answer], Amount | None]


class Quote(NamedTuple):
    """What a request was let through for.

    Attributes:
        scopes: It is counted by; `global` and the vendor are added by the guard.
        estimate: The most that it can cost, as far as that is known; major units.
        llm: What it asks of a language model, if it does.
        price: What that model costs, if anybody knows.
    """

    scopes: tuple[str, ...]
    estimate: Decimal
    llm: LlmCall | None = None
    price: ModelPrice | None = None


class Costing:
    """Turns requests into scopes and estimates, and answers into charges.

    A call to a language model of a known price is held at its true worst case: no more tokens are
    read than the body has bytes (or the model's context, when the body names pictures, files or
    conversations), no more written than it asks for. Other calls are held at `per_call` and the
    bytes both ways. Whatever has no price is held, and charged, at `default_estimate`.

    Args:
        scopes: Counted besides `global`, the host, its vendor and the model; or a function of the
            call.
        estimate: Returns what a call can cost at most, or `None` to leave it to the rest.
        settle: Returns what a call did cost, or `None` to leave it to the rest.
        default_estimate: Of calls that nothing else prices; major units.
        per_call: Of every request that is no call to a language model.
        per_gb_out: Of what is sent, in 10^9 bytes; see `egress_price`.
        per_gb_in: Of what is received.
        unknown_bytes: Held for a body whose length is not known before it is sent or received.
        prices: The user's own prices by model; they win over the lists.
        trusted_hosts: Whose word is taken for what a call cost, such as `openrouter.ai` or
            `*.llm.example`; in `cost_headers` and in the field `cost_fields` of `usage`.
        cost_headers: Names of headers.
        cost_fields: Names of fields of `usage`.
        cost_headers_to: Hosts that may know what a call costs and what remains of their budget.
        activity: What kind of call it is, for the records.
        ttl: Seconds after which a call is charged although it has not ended.
        wait: Seconds to wait for room before a call is refused.

    Raises:
        InputError: An argument cannot be used.
    """

    def __init__(
        self,
        *,
        scopes: Scopes = (),
        estimate: Estimate | None = None,
        settle: Settle | None = None,
        default_estimate: Amount = 0,
        per_call: Amount = 0,
        per_gb_out: Amount = 0,
        per_gb_in: Amount = 0,
        unknown_bytes: int = UNKNOWN_BYTES,
        prices: Mapping[str, OwnPrice] | PriceBook | None = None,
        trusted_hosts: Collection[str] = (),
        cost_headers: Collection[str] = COST_HEADERS,
        cost_fields: Collection[str] = COST_FIELDS,
        cost_headers_to: Collection[str] = (),
        activity: str = "http_request",
        ttl: float = TTL_S,
        wait: float = 0.0,
    ) -> None:
        self.activity = activity
        self.ttl = ttl
        self.wait = wait
        self.told_hosts = allowed_hosts(cost_headers_to)
        self.book = prices if isinstance(prices, PriceBook) else PriceBook(prices)
        self._scopes = scopes if callable(scopes) else tuple(map(scope_of, _listed(scopes)))
        self._estimate = estimate
        self._settle = settle
        self._default = amount_of(default_estimate)
        self._per_call = amount_of(per_call)
        self._per_byte_out = amount_of(per_gb_out) / GB
        self._per_byte_in = amount_of(per_gb_in) / GB
        self._unknown_bytes = unknown_bytes
        self._trusted = allowed_hosts(trusted_hosts)
        self._cost_headers = tuple(name.lower() for name in cost_headers)
        self._cost_fields = tuple(cost_fields)

    def quote(self, call: WireCall) -> Quote:
        """Return what a request is counted by and can cost.

        Raises:
            InputError: What the user's functions returned cannot be used.
        """
        llm = llm_call_of(call.method, call.path, call.body, call.size)
        scopes = [f"host:{call.host}"]
        if llm is not None and llm.model is not None:
            with suppress(ScopeError):  # a model that nothing can be counted by, such as `*`
                scopes.append(scope_of(f"model:{llm.model}"))
        own = self._scopes(call) if callable(self._scopes) else self._scopes
        scopes += _listed(own)
        price = None
        if llm is not None and llm.model is not None:
            price = self.book.price(llm.model, call.url)
        estimate = self._estimate(call) if self._estimate is not None else None
        if estimate is not None:
            amount = amount_of(estimate)
        elif price is not None and llm is not None:
            amount = llm.factor * price.bound(
                llm.prompt_bound(price.context),
                llm.output_bound(price.most_output),
                caches=llm.caches,
                caches_1h=llm.caches_1h,
            )
        elif llm is not None:
            amount = self._default
        else:
            bytes_out = self._unknown_bytes if call.size is None else call.size
            amount = self._by_bytes(bytes_out, self._unknown_bytes)
        return Quote(tuple(scopes), amount, llm, price)

    def reads(self, call: WireCall, quote: Quote) -> bool:
        """Tell whether the content of the answer is to be looked at while it passes."""
        return quote.llm is not None or self._settle is not None or self._trusts(call)

    def charge(self, call: WireCall, quote: Quote, answer: Answer) -> Decimal | None:
        """Return what a call cost; `None` for what was held.

        Never raises: a function of the user's that does is logged, and what was held is charged.
        """
        try:
            return self._charge(call, quote, answer)
        except Exception as error:  # noqa: BLE001 - the answer has come, and must reach the caller
            log().error("what a call to %s cost cannot be told: %r", call.host, error)
            return None

    def _charge(self, call: WireCall, quote: Quote, answer: Answer) -> Decimal | None:
        if self._settle is not None:
            said = self._settle(call, answer)
            if said is not None:
                return amount_of(said)
        if self._trusts(call):
            told = self._told(answer)
            if told is not None:
                return told
        if quote.llm is not None:
            return self._charge_llm(call, quote, quote.llm, answer)
        if self._estimate is not None and self._estimate(call) is not None:
            return None
        return self._by_bytes(answer.bytes_out, answer.bytes_in)

    def _charge_llm(
        self, call: WireCall, quote: Quote, llm: LlmCall, answer: Answer
    ) -> Decimal | None:
        tokens = answer.tokens or _header_tokens(answer.headers)
        price = quote.price
        if answer.model is not None and answer.model != llm.model:
            # What answered may be priced when an alias or a deployment's name is not.
            price = self.book.price(answer.model, call.url) or price
        if tokens is not None and answer.complete:
            return None if price is None else llm.factor * price.cost(tokens)
        if tokens is None and _is_rejection(answer.status):
            return Decimal(0)
        if price is None or not 200 <= answer.status < _REDIRECT:  # noqa: PLR2004 - of success
            return None
        # The answer ended without saying what it used: a token is at least one byte of what was
        # seen. What the model only thought is not seen, so then all that was held is charged.
        if llm.thinks:
            return None
        prompt = tokens.read if tokens is not None else llm.prompt_bound(price.context)
        output = max(answer.text_bytes, 0 if tokens is None else tokens.output)
        output = min(output, llm.output_bound(price.most_output))
        bound = llm.factor * (
            price.cost(tokens._replace(output=output))
            if tokens is not None
            else price.bound(prompt, output, caches=llm.caches, caches_1h=llm.caches_1h)
        )
        return min(bound, quote.estimate)

    def _by_bytes(self, bytes_out: int, bytes_in: int) -> Decimal:
        if not (self._per_call or self._per_byte_out or self._per_byte_in):
            return self._default
        return self._per_call + bytes_out * self._per_byte_out + bytes_in * self._per_byte_in

    def _trusts(self, call: WireCall) -> bool:
        from costmon.domain.scope import covers

        return any(covers(pattern, f"host:{call.host}") for pattern in self._trusted)

    def _told(self, answer: Answer) -> Decimal | None:
        """Return what a trusted host says that the call cost."""
        said: list[object] = [answer.headers.get(name) for name in self._cost_headers]
        said += [answer.usage.get(name) for name in self._cost_fields]
        for one in said:
            if isinstance(one, str | int | float | Decimal) and len(str(one)) <= _LONGEST_NUMBER:
                try:
                    return amount_of(one)
                except AmountError:
                    continue
        return None


def egress_price(region: str) -> Decimal:
    """Return what AWS asks for 10^9 bytes from a region to the internet, in its first tier.

    Raises:
        PriceUnknownError: The region is not in the list.
    """
    from costmon.pricing.aws import transfer_cost

    return transfer_cost(GB, region=region)


def _listed(scopes: Iterable[str]) -> tuple[str, ...]:
    return (scopes,) if isinstance(scopes, str) else tuple(scopes)


def _is_rejection(status: int) -> bool:
    """Tell whether a vendor did not begin to work: redirected, refused, or too many.

    A timeout (408) and a fault (5xx) may have cost money all the same.
    """
    return _REDIRECT <= status < _SERVER_ERROR and status != _TIMEOUT


def _header_tokens(headers: Mapping[str, str]) -> Tokens | None:
    counts = [headers.get(name, "") for name in _TOKEN_HEADERS]
    if all(
        count.isascii() and count.isdigit() and len(count) < _LONGEST_NUMBER for count in counts
    ):
        return Tokens(fresh=int(counts[0]), output=int(counts[1]))
    return None
