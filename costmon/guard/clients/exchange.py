"""One request and its answer on the wire: let through before, looked at while it passes, settled.

The order of the decision is that of deliveries: a tier that is `blocked`, the host's health, then
circuits and budgets. Whoever refuses leaves nothing behind, and nothing is sent.

How it ends, and what is charged then:

- refused by the guard, or provably never sent (no such name, no connection): nothing;
- answered to the end: what `Costing.charge` makes of the answer;
- the answer was cut off, closed early or dropped: what was seen of it, at most what was held;
- anything else (a timeout after sending, a broken connection): what was held.
"""

import asyncio
import weakref
from collections.abc import Iterable
from decimal import Decimal

from costmon.domain.amount import amount_of
from costmon.errors import AmountError
from costmon.guard.async_wait import wait_for_room
from costmon.guard.attempt import HeldLease
from costmon.guard.clients.answer import Answer
from costmon.guard.clients.costing import Costing, Quote
from costmon.guard.clients.finalizers import inside_a_guard
from costmon.guard.clients.gatekeeper import Gatekeeper
from costmon.guard.clients.wire_call import WireCall, header_dict
from costmon.guard.cost_headers import cost_headers
from costmon.guard.errors import BudgetRefused, CallRefused, GuardStoreError, RateRefused
from costmon.guard.health.called_host import Admission
from costmon.guard.health.failures import FailureClass, failure_of, failure_of_status
from costmon.guard.log import log
from costmon.guard.usage_parsing.reading import AnswerReader

_CLIENT_ERROR = 400


class Exchange:
    """A request that was let through; it ends once, whoever says so first.

    Attributes:
        headers: To be sent besides the request's own: for hosts that may know, else none.
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
        self.headers = self._told_headers()

    @classmethod
    def begin(cls, guard: Gatekeeper, costing: Costing, call: WireCall) -> "Exchange":
        """Let a request through.

        Raises:
            CallRefused: It may not be sent.
            GuardStoreError: The guard's store failed.
            InputError: What the user's functions returned cannot be used.
        """
        quote = costing.quote(call)
        return cls._let_through(guard, costing, call, quote, costing.wait)

    @classmethod
    async def begin_async(cls, guard: Gatekeeper, costing: Costing, call: WireCall) -> "Exchange":
        """Let a request through, waiting for room without blocking the loop; see `begin`."""
        if call.method == "POST" and not costing.book.loaded:
            await asyncio.to_thread(costing.book.load)  # once, and half a second
        quote = costing.quote(call)
        if costing.wait <= 0:
            return cls._let_through(guard, costing, call, quote, 0.0)
        deadline_s = guard.clock.monotonic_s() + costing.wait
        while True:
            try:
                return cls._let_through(guard, costing, call, quote, 0.0)
            except (BudgetRefused, RateRefused) as refused:
                if not await wait_for_room(guard, refused, deadline_s):
                    raise

    @classmethod
    def _let_through(
        cls, guard: Gatekeeper, costing: Costing, call: WireCall, quote: Quote, wait: float
    ) -> "Exchange":
        def reserve() -> HeldLease:
            return guard.reserve(
                quote.scopes, quote.estimate, ttl=costing.ttl, activity=costing.activity, wait=wait
            )

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
        """Tell whether it has ended."""
        return self._over

    def sent(self, count: int) -> None:
        """Count bytes of a body whose length was not known before."""
        self._bytes_out += count

    def answered(
        self, status: int, headers: Iterable[tuple[object, object]], *, decoded: bool = False
    ) -> None:
        """Take the beginning of the answer; `decoded`: its content is no longer encoded."""
        self._status = status
        self._headers = header_dict(headers)
        self._record(failure=failure_of_status(status), withdraw=False)
        if self._costing.reads(self._call, self._quote):
            self._reader = AnswerReader(self._headers, decoded=decoded)

    def received(self, data: bytes) -> None:
        """Look at the next bytes of the answer's body."""
        self._bytes_in += len(data)
        if self._reader is not None and not self._over:
            self._reader.feed(data)

    def weighed(self, bytes_in: int) -> None:
        """Correct how many bytes came over the wire, where the client knows that better."""
        self._bytes_in = bytes_in

    def completed(self) -> None:
        """End it: the whole answer has come."""
        self._end_answered(complete=True)

    def aborted(self) -> None:
        """End it: no more of the answer will be read."""
        self._end_answered(complete=False)

    def broken(self) -> None:
        """End it: the answer was cut off."""
        self._end_answered(complete=False, failed=True)

    def failed(self, error: BaseException, *, unsent: bool = False) -> None:
        """End it: no answer came; `unsent` when there never was a connection."""
        if not self._finish():
            return
        failure = failure_of(error) if isinstance(error, Exception) else None
        self._record(failure=failure, withdraw=failure is None)
        try:
            if unsent or isinstance(error, CallRefused):
                self._lease.release()
            else:
                self._lease.settle(bytes_out=self._bytes_out, failed=True)
        except GuardStoreError:
            return  # told of by the guard; the lease is charged when its time is over

    def watch(self, answer: object) -> None:
        """End it when `answer` is dropped without having been read or closed."""
        if not self._over:
            self._finalizer = weakref.finalize(answer, self.closed)

    def closed(self) -> None:
        """End it as `aborted` does, when a finalizer may be what closes it."""
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
            body=None if reader is None else reader.body,
        )
        actual = self._costing.charge(self._call, self._quote, answer)
        if reader is not None and not reader.readable and actual is not None:
            actual = self._unread(actual, answer)
        failed = failed or self._status >= _CLIENT_ERROR
        count = {"bytes_in": self._bytes_in, "bytes_out": self._bytes_out}
        if later:
            self._guard.abandon(self._lease, actual, **count, failed=failed)
            return
        try:
            self._settle(actual, failed=failed)
        except GuardStoreError:
            return  # told of by the guard; the lease is charged when its time is over

    def _unread(self, actual: Decimal, answer: Answer) -> Decimal | None:
        """Return what is charged for an answer in an encoding that could not be undone."""
        of_model = self._quote.llm is not None and answer.tokens is None
        return None if of_model and self._status < _CLIENT_ERROR else actual

    def _settle(self, actual: Decimal | None, *, failed: bool) -> None:
        try:
            self._lease.settle(
                actual, bytes_in=self._bytes_in, bytes_out=self._bytes_out, failed=failed
            )
        except AmountError as error:
            log().error("what a call to %s cost cannot be charged: %s", self._call.host, error)
            self._lease.settle(bytes_in=self._bytes_in, bytes_out=self._bytes_out, failed=failed)

    def _finish(self) -> bool:
        """Say whether this is the first end."""
        if self._over:
            return False
        self._over = True
        if self._finalizer is not None:
            self._finalizer.detach()
        return True

    def _record(self, *, failure: FailureClass | None, withdraw: bool) -> None:
        """Tell the host's health how the call went, once."""
        admission, self._admission = self._admission, None
        health = self._guard.health
        if admission is None:
            return
        if withdraw:
            health.withdraw(admission)
            return
        latency_s = self._guard.clock.monotonic_s() - self._begun_s
        health.record(admission.host, failure, latency_s, admission=admission)

    def _told_headers(self) -> dict[str, str]:
        told = self._costing.told_hosts
        if not told or not cost_headers(self._call.host, told):
            return {}
        scope = f"host:{self._call.host}"
        try:
            config, remaining = self._guard.config(scope), self._guard.remaining(scope)
        except GuardStoreError:
            return {}  # the call itself was let through
        return cost_headers(
            self._call.host,
            told,
            tier="standard" if config is None else config.tier,
            remaining=remaining,
            estimate=amount_of(self._quote.estimate),
            currency=self._guard.currency,
        )


def refusal_in(error: BaseException) -> CallRefused | None:
    """Return the refusal that an SDK has wrapped in an error of its own, if that was the cause.

    OpenAI's SDK, for one, takes whatever its transport raises for a failed connection, tries again
    (each time nothing is sent) and raises `APIConnectionError`.
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, CallRefused):
            return cause
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return None
