"""The scopes of a request, the most that it can cost, and its actual cost."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Literal, NamedTuple, get_args

from costmon.domain.amount import Amount, amount_of
from costmon.domain.scope import scope_of
from costmon.errors import AmountError, InputError, ScopeError
from costmon.guard.clients.answer import Answer
from costmon.guard.clients.llm_costs import LlmCosts, LlmRequest, Notice
from costmon.guard.clients.wire_call import WireCall
from costmon.guard.cost_headers import allowed_hosts
from costmon.guard.log import log
from costmon.guard.usage_parsing.price_book import OwnPrice, PriceBook

GB = 10**9
UNKNOWN_BYTES = 1_048_576
TTL_S = 600.0
"""The timeout of the SDKs of OpenAI and Anthropic."""

COST_HEADERS = ("x-litellm-response-cost",)
COST_FIELDS = ("cost",)
_LONGEST_NUMBER = 40
UNPRICED_ESTIMATE = Decimal("0.05")
"""Held for a call to a model without a known price."""

Unpriced = Literal["hold_default", "refuse", "allow"]

Scopes = Iterable[str] | Callable[[WireCall], Iterable[str]]
Estimate = Callable[[WireCall], Amount | None]
Settle = Callable[[WireCall, Answer], Amount | None]


class Quote(NamedTuple):
    """The scopes and estimate of a request.

    Attributes:
        scopes: Its scopes; the guard adds `global` and the vendor.
        estimate: The most that it can cost, as far as known; major units.
        llm: The call to a language model, if it is one.
        unpriced: Whether that has no known price, and the user's functions gave none.
    """

    scopes: tuple[str, ...]
    estimate: Decimal
    llm: LlmRequest | None = None
    unpriced: bool = False


class Costing:
    """Turns requests into scopes and estimates, and responses into charges.

    A call to a language model with a known price is held at its worst case: at most as many input
    tokens as the body has bytes (or the model's context, if the body refers to pictures, files or
    conversations), and at most as many output tokens as it asks for. Other calls are held at
    `per_call` plus the bytes in both directions. What happens to calls to a model without a known
    price is said by `unpriced`.

    Args:
        scopes: In addition to `global`, the host, its vendor and the model; or a function of the
            call.
        estimate: Returns the most that a call can cost, or `None` for the default calculation.
        settle: Returns what a call cost, or `None` for the default calculation.
        default_estimate: Of calls without any other price; major units.
        unpriced: Of calls to a model without a known price: `hold_default` holds
            `unpriced_estimate`, and charges it unless the answer gives a price; `refuse` refuses
            them; `allow` holds and charges `default_estimate`.
        unpriced_estimate: Major units, above 0.
        per_call: Price of every request that is not a call to a language model.
        per_gb_out: Price of 10^9 bytes sent; see `egress_price`.
        per_gb_in: Price of 10^9 bytes received.
        unknown_bytes: Held for a body whose length is not known before it is sent or received.
        prices: The user's own prices by model; they override the lists.
        sessions: Whether the turns of a conversation are held at what earlier ones let expect;
            `False`: at their worst case.
        trusted_hosts: Hosts whose own figures of costs are used, such as `openrouter.ai` or
            `*.llm.example`; from `cost_headers` and the fields `cost_fields` of `usage`.
        cost_headers: Names of headers.
        cost_fields: Names of fields of `usage`.
        cost_headers_to: Hosts that are told what a call costs and what remains of their budget.
        activity: What kind of call it is, for the records.
        ttl: Seconds after which a call is charged at its estimate if it has not ended.
        wait: Seconds to wait for budget before a call is refused.

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
        unpriced: Unpriced = "hold_default",
        unpriced_estimate: Amount = UNPRICED_ESTIMATE,
        per_call: Amount = 0,
        per_gb_out: Amount = 0,
        per_gb_in: Amount = 0,
        unknown_bytes: int = UNKNOWN_BYTES,
        prices: Mapping[str, OwnPrice] | PriceBook | None = None,
        sessions: bool = True,
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
        self.learnt: dict[str, str] = {}
        self.llm = LlmCosts(self.book, sessions=sessions, learnt=self.learnt)
        self._scopes = scopes if callable(scopes) else tuple(map(scope_of, _listed(scopes)))
        self._estimate = estimate
        self._settle = settle
        self._default = amount_of(default_estimate)
        if unpriced not in get_args(Unpriced):
            accepted = ", ".join(get_args(Unpriced))
            raise InputError(f"unpriced={unpriced!r}: use one of {accepted}")
        self.unpriced = unpriced
        self._unpriced = amount_of(unpriced_estimate)
        if not self._unpriced:
            raise InputError("unpriced_estimate: give an amount above 0, or unpriced='allow'")
        self._per_call = amount_of(per_call)
        self._per_byte_out = amount_of(per_gb_out) / GB
        self._per_byte_in = amount_of(per_gb_in) / GB
        self._unknown_bytes = unknown_bytes
        self._trusted = allowed_hosts(trusted_hosts)
        self._cost_headers = tuple(name.lower() for name in cost_headers)
        self._cost_fields = tuple(cost_fields)

    def quote(self, call: WireCall) -> Quote:
        """Return a request's scopes and estimate.

        Raises:
            InputError: What the user's functions returned cannot be used.
        """
        llm = self.llm.request(call)
        scopes = [f"host:{call.host}"]
        if llm is not None and llm.model is not None:
            with suppress(ScopeError):  # not a valid scope, such as `*`
                scopes.append(scope_of(f"model:{llm.model}"))  # the family
        own = self._scopes(call) if callable(self._scopes) else self._scopes
        scopes += _listed(own)
        estimate = self._estimate(call) if self._estimate is not None else None
        if estimate is not None:
            amount = amount_of(estimate)
        elif llm is not None:
            amount = self._hold_without_price() if llm.hold is None else llm.hold
        else:
            bytes_out = self._unknown_bytes if call.size is None else call.size
            amount = self._by_bytes(bytes_out, self._unknown_bytes)
        unpriced = llm is not None and llm.hold is None and estimate is None
        return Quote(tuple(scopes), amount, llm, unpriced)

    def _hold_without_price(self) -> Decimal:
        if self.unpriced == "allow":
            return self._default
        return max(self._default, self._unpriced)

    def reads(self, call: WireCall, quote: Quote) -> bool:
        """Return whether the content of the response must be inspected."""
        return quote.llm is not None or self._settle is not None or self._trusts(call)

    def charge(
        self,
        call: WireCall,
        quote: Quote,
        answer: Answer,
        tell: Callable[[Notice], object] | None = None,
    ) -> Decimal | None:
        """Return what a call cost; `None`: its estimate. `tell` receives what people should know.

        Never raises: if the user's function does, that is logged, and the estimate is charged.
        """
        try:
            return self._charge(call, quote, answer, tell)
        except Exception as error:  # noqa: BLE001 - the response has arrived, and must reach the caller
            log().error("the cost of a call to %s cannot be calculated: %r", call.host, error)
            return None

    def _charge(
        self,
        call: WireCall,
        quote: Quote,
        answer: Answer,
        tell: Callable[[Notice], object] | None,
    ) -> Decimal | None:
        if self._settle is not None:
            said = self._settle(call, answer)
            if said is not None:
                return amount_of(said)
        if self._trusts(call):
            told = self._told(answer)
            if told is not None:
                return told
        if quote.llm is not None:
            charge = self.llm.charge(quote.llm, answer)
            if tell is not None:
                for notice in charge.notices:
                    tell(notice)
            return charge.amount
        if self._estimate is not None and self._estimate(call) is not None:
            return None
        return self._by_bytes(answer.bytes_out, answer.bytes_in)

    def _by_bytes(self, bytes_out: int, bytes_in: int) -> Decimal:
        if not (self._per_call or self._per_byte_out or self._per_byte_in):
            return self._default
        return self._per_call + bytes_out * self._per_byte_out + bytes_in * self._per_byte_in

    def _trusts(self, call: WireCall) -> bool:
        from costmon.domain.scope import covers

        return any(covers(pattern, f"host:{call.host}") for pattern in self._trusted)

    def _told(self, answer: Answer) -> Decimal | None:
        """Return the cost of the call according to a trusted host."""
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
    """Return AWS's price of 10^9 bytes from a region to the internet, in the first tier.

    Raises:
        PriceUnknownError: The region is not in the price list.
    """
    from costmon.pricing.aws import transfer_cost

    return transfer_cost(GB, region=region)


def _listed(scopes: Iterable[str]) -> tuple[str, ...]:
    return (scopes,) if isinstance(scopes, str) else tuple(scopes)
