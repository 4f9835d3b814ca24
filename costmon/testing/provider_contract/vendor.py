"""Serve what a vendor answers, with faults put over some of its paths."""

import datetime as dt
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from costmon.clock import SystemClock
from costmon.outbound import HttpOutbound, OutboundLimits
from costmon.providers import catalog
from costmon.providers.base import Provider, ProviderSetup
from costmon.testing.outbound import best_key
from costmon.testing.stub import Asked, Reply, StubServer

ACCOUNT = "work"
NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
LIMITS = OutboundLimits(budget_s=75.0)
"""A slow machine is no silent vendor: an answer that comes is waited for."""
SILENCE = replace(LIMITS, read_timeout_s=0.25, deadline_s=2.0, stream_deadline_s=2.0)
"""For a fault that is silence."""

# JSON; or a body as it is; or a whole reply; or what makes one of these from the request.
Answer = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a vendor answers for one account, and what must come of it.

    Attributes:
        answers: By path, or by path and some parameters (`/v2/droplets?page=2`): JSON, the bytes
            of a body (to keep the digits of a number), a `Reply`, or a function of the request
            that returns one of these.
        resources: How many resources are in it.
        rows: How many rows of charges are in it.
        total: The sum of their billed costs, exact.
        used: Every quantity by quota and project, exact.
    """

    answers: Mapping[str, Answer]
    resources: int = 0
    rows: int = 0
    total: Decimal = Decimal(0)
    used: Mapping[tuple[str, str | None], Decimal] = field(default_factory=dict)


class Vendor:
    """A recording that is served, and the provider that reads it."""

    def __init__(
        self,
        server: StubServer,
        recording: Recording,
        *,
        slug: str,
        credentials: Mapping[str, str],
        options: Mapping[str, object],
    ) -> None:
        """Serve every path of the recording; other paths are answered by 404."""
        self._server = server
        self._answers = recording.answers
        self._info = catalog.modules()[slug].info
        self._credentials = credentials
        self._options = options
        self._limits = LIMITS
        self.pauses: list[float] = []
        for path in {key.partition("?")[0] for key in recording.answers}:
            server.script(path, self.play)

    @contextmanager
    def provider(self) -> Iterator[Provider]:
        """Make the provider, which reaches nothing but the stub server."""
        with ExitStack() as clients:

            def connect(base_url: str, headers: Mapping[str, str]) -> HttpOutbound:
                if not self._info.has_host(base_url):
                    msg = f"{self._info.slug} has not declared the host of {base_url!r}"
                    raise ValueError(msg)
                if urlsplit(base_url).hostname != "127.0.0.1":
                    base_url = self._server.url  # whichever host of the vendor it is
                return clients.enter_context(closing(self._client(base_url, headers)))

            setup = ProviderSetup(
                outbound=connect(self._server.url, self._info.authentication(self._credentials)),
                prices={},
                options=self._options,
                credentials=self._credentials,
                connect=connect,
            )
            yield catalog.create(self._info.slug, setup)

    def fault(self, path: str, *replies: Reply) -> None:
        """Answer `path` with the replies in turn, for ever with the last."""
        self._expect(*replies)
        self._server.answer(path, *replies)

    def disturb(self, path: str, reply: Reply, *, after: int = 0) -> None:
        """Answer `path` with `reply` once, after so many good answers, then well again."""
        self._expect(reply)
        pending = [reply]
        good = iter(range(after))

        def script(asked: Asked) -> Reply:
            if next(good, None) is None and pending:
                return pending.pop()
            return self.play(asked)

        self._server.script(path, script)

    def alter(self, path: str, change: Callable[[bytes], bytes]) -> None:
        """Answer `path` with the body that `change` makes of the good one."""

        def script(asked: Asked) -> Reply:
            reply = self.play(asked)
            return Reply(status=reply.status, body=change(reply.body), headers=reply.headers)

        self._server.script(path, script)

    def play(self, asked: Asked) -> Reply:
        """Return the good answer to a request."""
        given = [f"{name}={value}" for name, value in asked.pairs]
        key = best_key(self._answers, asked.path, given)
        if key is None:
            return Reply.json({"id": "not_found"}, status=404)
        answer = self._answers[key]
        if callable(answer):
            answer = answer(asked)
        if isinstance(answer, bytes):
            return Reply(body=answer)
        return answer if isinstance(answer, Reply) else Reply.json(answer)

    def _expect(self, *faults: Reply) -> None:
        if any(reply.delay_s for reply in faults):
            self._limits = SILENCE

    def _client(self, base_url: str, headers: Mapping[str, str]) -> HttpOutbound:
        return HttpOutbound(
            provider=self._info.slug,
            base_url=base_url,
            headers=headers,
            read_only_posts=self._info.read_only_posts,
            clock=SystemClock(),
            rng=random.Random(1),
            pause=self._pause,
            beat=lambda: None,
            limits=self._limits,
        )

    def _pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return True
