"""One request and its response on the wire: allowed, inspected while it is read, settled.

The checks have the same order as for deliveries: the tier `blocked`, the host's health, then
circuits and budgets. After a refusal nothing is held, and nothing is sent.

How an exchange ends, and what is charged:

- refused by the guard, or certainly never sent (name not found, no connection): nothing;
- completely answered: the result of `Costing.charge`;
- response cut off, closed early or dropped: what was received of it, at most the estimate;
- anything else (a timeout after sending, a broken connection): the estimate.
"""

import asyncio
import weakref
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, cast

from costmon.domain.amount import amount_of
from costmon.domain.money import shown_exact
from costmon.domain.spend import UNPRICED_CALL
from costmon.errors import AmountError
from costmon.guard.async_wait import wait_for_room
from costmon.guard.attempt import HeldLease
from costmon.guard.clients.answer import Answer
from costmon.guard.clients.costing import Costing, Quote
from costmon.guard.clients.finalizers import inside_a_guard
from costmon.guard.clients.gatekeeper import Gatekeeper
from costmon.guard.clients.llm_costs import Notice
from costmon.guard.clients.refusal_answer import REFUSAL
from costmon.guard.clients.wire_call import WireCall, header_dict
from costmon.guard.cost_headers import cost_headers
from costmon.guard.errors import (
    BudgetRefused,
    CallRefused,
    GuardStoreError,
    RateRefused,
    UnpricedRefused,
)
from costmon.guard.health.called_host import Admission
from costmon.guard.health.failures import FailureClass, failure_of, failure_of_status
from costmon.guard.log import log
from costmon.guard.usage_parsing.reading import AnswerReader

if TYPE_CHECKING:
    from costmon.guard.off_loop import OffLoop

_CLIENT_ERROR = 400
_LONGEST_DEPLOYMENT = 300
_LONGER = 64
"""Bytes that a limit of the output adds to a body, at most."""
_LARGE = 262_144
"""Bytes of a body above which it is looked at in a thread: 1 MB takes 16 ms."""


class Exchange:
    """A request that was allowed; only its first end counts.

    Attributes:
        headers: To be sent with the request's own: cost headers, for hosts that may get them.
    """

    __slots__ = (
        "__weakref__",
        "_admission",
        "_begun_s",
        "_bytes_in",
        "_bytes_out",
        "_call",
        "_costing",
        "_finalizer",
        "_guard",
        "_headers",
        "_lease",
        "_off_loop",
        "_over",
        "_quote",
        "_reader",
        "_status",
        "headers",
    )

    def __init__(
        self,
        guard: Gatekeeper,
        costing: Costing,
        call: WireCall,
        quote: Quote,
        lease: HeldLease,
        admission: Admission,
    ) -> None:
        self._guard = guard
        self._costing = costing
        self._call = call
        self._quote = quote
        self._lease = lease
        self._admission: Admission | None = admission
        self._begun_s = guard.clock.monotonic_s()
        self._bytes_in = 0
        self._bytes_out = call.size or 0
        self._status = 0
        self._headers: dict[str, str] = {}
        self._reader: AnswerReader | None = None
        self._finalizer: weakref.finalize[..., object] | None = None
        self._over = False
        self._off_loop: OffLoop | None = None
        self.headers = self._told_headers()

    @classmethod
    def begin(cls, guard: Gatekeeper, costing: Costing, call: WireCall) -> "Exchange":
        """Ask for permission to send a request.

        Raises:
            CallRefused: It is not allowed.
            GuardStoreError: The guard's store failed.
            InputError: What the user's functions returned cannot be used.
        """
        quote = costing.quote(call)
        return cls._let_through(guard, costing, call, quote, costing.wait)

    @classmethod
    async def begin_async(cls, guard: Gatekeeper, costing: Costing, call: WireCall) -> "Exchange":
        """Ask for permission, waiting for budget without blocking the loop; see `begin`."""
        threads = guard.off_loop
        slow = (call.size or 0) > _LARGE or (call.method == "POST" and not costing.book.loaded)
        quote = await asyncio.to_thread(costing.quote, call) if slow else costing.quote(call)
        deadline_s = guard.clock.monotonic_s() + costing.wait
        work = partial(cls._let_through, guard, costing, call, quote, 0.0)
        while True:
            try:
                exchange = await threads.run(work, undo=_withdrawn)
            except (BudgetRefused, RateRefused) as refused:
                if not await wait_for_room(guard, refused, deadline_s):
                    raise
            else:
                exchange._off_loop = threads  # noqa: SLF001 - of this class
                return exchange

    @classmethod
    def _let_through(
        cls, guard: Gatekeeper, costing: Costing, call: WireCall, quote: Quote, wait: float
    ) -> "Exchange":
        if quote.unpriced:
            quote = _looked_up(guard, costing, call, quote)

        def reserve() -> HeldLease:
            activity = UNPRICED_CALL if quote.unpriced else costing.activity
            try:
                return guard.reserve(
                    quote.scopes, quote.estimate, ttl=costing.ttl, activity=activity, wait=wait
                )
            except BudgetRefused as refused:
                refused.remedy = _remedy(call, quote, refused)
                raise

        health = guard.health
        config = guard.config(f"host:{call.host}")
        lease = reserve() if config is not None and config.tier == "blocked" else None
        try:
            admission = health.admit(call.host)
        except BaseException:
            if lease is not None:
                lease.release()
            raise
        if lease is None:
            try:
                lease = reserve()
            except BaseException:
                health.withdraw(admission)
                raise
        return cls(guard, costing, call, quote, lease, admission)

    @property
    def over(self) -> bool:
        """Return whether it has ended."""
        return self._over

    def sent(self, count: int) -> None:
        """Count sent bytes of a body of unknown length."""
        self._bytes_out += count

    def answered(
        self, status: int, headers: Iterable[tuple[object, object]], *, decoded: bool = False
    ) -> None:
        """Handle the head of the response; `decoded`: its content is already decoded."""
        self._status = status
        self._headers = header_dict(headers)
        self._record(failure=failure_of_status(status), withdraw=False)
        if self._costing.reads(self._call, self._quote):
            llm = self._quote.llm
            self._reader = AnswerReader(
                self._headers,
                decoded=decoded,
                wire=None if llm is None else llm.call.wire,
                lines=llm is not None and llm.call.lines,
            )

    def received(self, data: bytes) -> None:
        """Inspect the next bytes of the response's body."""
        self._bytes_in += len(data)
        if self._reader is not None and not self._over:
            self._reader.feed(data)

    def weighed(self, bytes_in: int) -> None:
        """Correct the number of bytes received, if the client knows it better."""
        self._bytes_in = bytes_in

    def completed(self) -> None:
        """End it: the whole response was received."""
        self._end_answered(complete=True)

    def aborted(self) -> None:
        """End it: no more of the response will be read."""
        self._end_answered(complete=False)

    def broken(self) -> None:
        """End it: the response was cut off."""
        self._end_answered(complete=False, failed=True)

    def failed(self, error: BaseException, *, unsent: bool = False) -> None:
        """End it: no response came; `unsent`: there never was a connection."""
        if not self._finish():
            return
        failure = failure_of(error) if isinstance(error, Exception) else None
        self._record(failure=failure, withdraw=failure is None)
        if unsent or isinstance(error, CallRefused):
            self._soon(self._lease.release)
        else:
            self._soon(partial(self._lease.settle, bytes_out=self._bytes_out, failed=True))

    def watch(self, answer: object) -> None:
        """End it when `answer` is garbage-collected without having been read or closed."""
        if not self._over:
            self._finalizer = weakref.finalize(answer, self.closed)

    def closed(self) -> None:
        """End it as `aborted` does, if a finalizer may be calling."""
        if not self._over:
            self._end_answered(complete=False, later=inside_a_guard())

    def _end_answered(self, *, complete: bool, failed: bool = False, later: bool = False) -> None:
        if not self._finish():
            return
        reader = self._reader
        if reader is not None:
            reader.finish()
        answer = Answer(
            status=self._status,
            headers=self._headers,
            bytes_in=self._bytes_in,
            bytes_out=self._bytes_out,
            complete=complete or (reader is not None and reader.ended),
            tokens=None if reader is None else reader.tokens,
            text_bytes=0 if reader is None else reader.text_bytes,
            model=None if reader is None else reader.model,
            usage={} if reader is None else reader.usage,
            tier=None if reader is None else reader.tier,
            response_id=None if reader is None else reader.id,
            unfinished=reader is not None and reader.unfinished,
            elapsed_s=self._guard.clock.monotonic_s() - self._begun_s,
            results=() if reader is None else tuple(reader.results),
            problem="" if reader is None else reader.problem,
            body=None if reader is None else reader.body,
        )
        actual = self._costing.charge(self._call, self._quote, answer, self._heed)
        if self._quote.unpriced:
            self._share_learnt()
        if self._quote.llm is not None and not later:
            costs = self._costing.llm
            if costs.postpone(self._quote.llm, answer, self._lease):
                return
            before = costs.postponed(self._quote.llm, answer)
            if before is not None:
                self._soon(partial(before.settle, actual))
                actual = Decimal(0)
        failed = failed or self._status >= _CLIENT_ERROR
        count = {"bytes_in": self._bytes_in, "bytes_out": self._bytes_out}
        if later:
            self._guard.abandon(self._lease, actual, **count, failed=failed)
            return
        self._soon(partial(self._settle, actual, failed=failed))

    def _heed(self, notice: Notice) -> None:
        self._guard.price_notice(notice.kind, notice.name, notice.text)

    def _share_learnt(self) -> None:
        """Tell other guards on the store which model a deployment has, if its answer said so."""
        deployment = _deployment(self._call, self._quote)
        model = None if deployment is None else self._costing.learnt.get(deployment)
        if deployment is not None and model is not None:
            self._soon(partial(self._guard.learn_model, deployment, model))

    def _settle(self, actual: Decimal | None, *, failed: bool) -> None:
        try:
            self._lease.settle(
                actual, bytes_in=self._bytes_in, bytes_out=self._bytes_out, failed=failed
            )
        except AmountError as error:
            log().error("the cost of a call to %s cannot be charged: %s", self._call.host, error)
            self._lease.settle(bytes_in=self._bytes_in, bytes_out=self._bytes_out, failed=failed)

    def _finish(self) -> bool:
        """Return whether this is the first end."""
        if self._over:
            return False
        self._over = True
        if self._finalizer is not None:
            self._finalizer.detach()
        return True

    def _record(self, *, failure: FailureClass | None, withdraw: bool) -> None:
        """Record the result of the call in the host's health, once."""
        admission, self._admission = self._admission, None
        health = self._guard.health
        if admission is None:
            return
        if withdraw:
            self._soon(partial(health.withdraw, admission))
            return
        latency_s = self._guard.clock.monotonic_s() - self._begun_s
        self._soon(partial(health.record, admission.host, failure, latency_s, admission=admission))

    def _soon(self, work: Callable[[], object]) -> None:
        """Use the store: now, or off the event loop."""
        if self._off_loop is not None:
            self._off_loop.later(work)
            return
        try:
            work()
        except GuardStoreError:
            return  # logged by the guard; the lease is charged when it expires

    def _told_headers(self) -> dict[str, str]:
        told = self._costing.told_hosts
        if not told or not cost_headers(self._call.host, told):
            return {}
        scope = f"host:{self._call.host}"
        try:
            config, remaining = self._guard.config(scope), self._guard.remaining(scope)
        except GuardStoreError:
            return {}  # the call itself was allowed
        return cost_headers(
            self._call.host,
            told,
            tier="standard" if config is None else config.tier,
            remaining=remaining,
            estimate=amount_of(self._quote.estimate),
            currency=self._guard.currency,
        )


def _deployment(call: WireCall, quote: Quote) -> str | None:
    """Return the name of what is called, as in `Costing.learnt`; `None`: it names no model."""
    if quote.llm is None or quote.llm.call.model is None:
        return None
    name = f"{call.host}/{quote.llm.call.model}"
    return name if len(name) <= _LONGEST_DEPLOYMENT and name.isprintable() else None


def _looked_up(guard: Gatekeeper, costing: Costing, call: WireCall, quote: Quote) -> Quote:
    """Return the quote by what another process has learnt about a deployment, or tell or refuse.

    Raises:
        UnpricedRefused: There is no price, and such calls are refused.
    """
    deployment = _deployment(call, quote)
    if deployment is not None and deployment not in costing.learnt:
        try:
            model = guard.learnt_model(deployment)
        except GuardStoreError:
            model = None  # if the store is away, the reserve decides
        if model is not None:
            costing.learnt[deployment] = model
            quote = costing.quote(call)
    llm = quote.llm
    if not quote.unpriced or llm is None:
        return quote
    why = llm.unpriced or "its price is not known"
    if costing.unpriced == "refuse":
        raise guard.refuse(UnpricedRefused(f"host:{call.host}", llm.name, why))
    does = f"{quote.estimate} {guard.currency} are held, and charged unless the answer has a price"
    guard.price_notice("no-price", llm.name, f"{why}; {does}. Give a price by Costing(prices=...)")
    return quote


def _remedy(call: WireCall, quote: Quote, refused: BudgetRefused) -> str | None:
    """Return the cheapest change by which a refused call to a model would fit."""
    llm = quote.llm
    if llm is None or llm.hold is None or llm.hold != quote.estimate:
        return None
    room = refused.limit - refused.spent - refused.held
    # The limit itself makes the body longer.
    longer = llm.fixed * _LONGER / max(call.size or 0, _LONGER)
    fits = llm.output_that_fits(room - longer)
    if llm.output_field is not None and fits is not None:
        return f"{llm.output_field}={fits} would fit"
    if llm.fixed > room:
        return f"its input alone can cost {shown_exact(llm.fixed)}; send less"
    return None


def _withdrawn(exchange: Exchange) -> None:
    """End an exchange whose task was cancelled before anything was sent."""
    exchange.failed(asyncio.CancelledError(), unsent=True)


def refusal_in(error: BaseException) -> CallRefused | None:
    """Return the refusal that an SDK has wrapped in its own error, if that was the cause.

    SDKs on httpx get a refusal as an answer with status 402, and raise an error with that response;
    others wrap the exception.
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, CallRefused):
            return cause
        for name in ("response", "raw_response"):
            extensions = getattr(getattr(cause, name, None), "extensions", None)
            if isinstance(extensions, dict) and REFUSAL in extensions:
                return cast("CallRefused", extensions[REFUSAL])
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return None
