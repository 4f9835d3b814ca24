"""What every provider keeps to, as tests over real HTTP on loopback.

A provider's test module makes a subclass whose name begins with `Test`, tells it what the vendor
answers, and gets the cases. pytest shows the values of a failed assertion when the subclass's
conftest calls `pytest.register_assert_rewrite("costmon.testing.provider_contract")`.
"""

import datetime as dt
import json
import logging
import random
import traceback
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from costmon.clock import SystemClock
from costmon.domain.resource import Inventory
from costmon.errors import (
    FailureReason,
    ProviderAuthError,
    ProviderError,
    ProviderPermissionError,
    ProviderRateLimitError,
)
from costmon.outbound import HttpOutbound, OutboundLimits
from costmon.providers import catalog
from costmon.providers.base import ProviderSetup
from costmon.testing.outbound import best_key
from costmon.testing.stub import Asked, Reply, StubServer

TOKEN = "dop_v1_planted-0123456789abcdef"
ACCOUNT = "work"
NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
_LIMITS = OutboundLimits(read_timeout_s=0.25, deadline_s=2.0)
_HTTP_ERRORS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a vendor answers for one account.

    Attributes:
        answers: JSON by path, or by path and some parameters (`/v2/droplets?page=2`).
        resources: How many resources there are in it.
    """

    answers: Mapping[str, Any]
    resources: int


class Vendor:
    """A recording that is served, with faults put over some of its paths."""

    def __init__(self, server: StubServer, recording: Recording) -> None:
        self._server = server
        self._answers = recording.answers
        for path in {key.partition("?")[0] for key in recording.answers}:
            server.script(path, self._play)
        self.pauses: list[float] = []

    def fetch(self, slug: str) -> Inventory:
        """Let the provider read the account once."""
        outbound = HttpOutbound(
            provider=slug,
            base_url=self._server.url,
            headers={"Authorization": f"Bearer {TOKEN}"},
            clock=SystemClock(),
            rng=random.Random(1),
            pause=self._pause,
            beat=lambda: None,
            limits=_LIMITS,
        )
        with closing(outbound):
            setup = ProviderSetup(outbound=outbound, prices={}, options={})
            return catalog.create(slug, setup).inventory(ACCOUNT, NOW)

    def fault(self, path: str, *replies: Reply) -> None:
        """Answer `path` with the replies in turn, for ever with the last."""
        self._server.answer(path, *replies)

    def disturb(self, path: str, reply: Reply) -> None:
        """Answer `path` with `reply` once, then well again."""
        pending = [reply]
        self._server.script(path, lambda asked: pending.pop() if pending else self._play(asked))

    def recorded(self, path: str) -> Reply:
        """Return the good answer to `path`."""
        return Reply.json(self._answers[path])

    def _pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return True

    def _play(self, asked: Asked) -> Reply:
        given = [f"{name}={value}" for name, value in asked.query.items()]
        key = best_key(self._answers, asked.path, given)
        if key is None:
            return Reply.json({"id": "not_found"}, status=404)
        return Reply.json(self._answers[key])


class ProviderContract:
    """The cases. A subclass sets the attributes.

    Attributes:
        slug: The provider's key in the catalog.
        account: An account with something of every kind.
        empty: An account in which there is nothing.
        many: An account whose main listing has several pages.
        main_path: Where faults are put: the listing that matters most.
        main_field: A required field of the main listing's first item, from the top.
        main_kind: The kind that the main listing is of, in an inventory of several kinds: it fails
            alone, and the others are read. `None`: there is nothing else, so that its error is
            raised.
        documented_paths: All paths that may be asked.
    """

    slug: ClassVar[str]
    account: ClassVar[Recording]
    empty: ClassVar[Recording]
    many: ClassVar[Recording]
    main_path: ClassVar[str]
    main_field: ClassVar[tuple[str | int, ...]]
    main_kind: ClassVar[str | None] = None
    documented_paths: ClassVar[frozenset[str]]

    def fault_of(self, vendor: Vendor) -> tuple[FailureReason, str]:
        """Return why the main listing could not be read, and make sure that all else was."""
        if self.main_kind is None:
            with pytest.raises(ProviderError) as caught:
                vendor.fetch(self.slug)
            return caught.value.reason, str(caught.value)
        inventory = vendor.fetch(self.slug)
        (failed,) = inventory.failed
        assert failed.kind == self.main_kind
        kinds = {resource.kind for resource in inventory.resources}
        assert kinds
        assert self.main_kind not in kinds
        assert inventory.gaps == ()
        return failed.reason, failed.message

    @pytest.fixture
    def server(self) -> Any:
        """Serve while a case runs."""
        with StubServer() as server:
            yield server

    def test_everything_in_an_account_is_read(self, server: StubServer) -> None:
        """A resource says whose it is, what it is, and costs an exact amount or none."""
        inventory = Vendor(server, self.account).fetch(self.slug)

        assert len(inventory.resources) == self.account.resources
        assert (inventory.account, inventory.provider) == (ACCOUNT, self.slug)
        assert inventory.observed_at == NOW
        assert inventory.gaps == ()
        keys = [resource.key for resource in inventory.resources]
        assert len(set(keys)) == len(keys)
        for resource in inventory.resources:
            assert (resource.account, resource.provider) == (ACCOUNT, self.slug)
            assert resource.created_at is None or resource.created_at.tzinfo is dt.UTC
            assert resource.monthly_cost is not None or resource.unpriced is not None
            if resource.monthly_cost is not None:
                assert isinstance(resource.monthly_cost, Decimal)
                assert resource.monthly_cost >= 0

    def test_an_empty_account_is_empty(self, server: StubServer) -> None:
        """Nothing is a good answer."""
        inventory = Vendor(server, self.empty).fetch(self.slug)

        assert inventory.resources == ()
        assert inventory.gaps == ()

    def test_every_page_is_read_once(self, server: StubServer) -> None:
        """No page is left out, and none costs two requests."""
        inventory = Vendor(server, self.many).fetch(self.slug)

        assert len(inventory.resources) == self.many.resources
        asked = [(asked.path, tuple(sorted(asked.query.items()))) for asked in server.asked]
        assert len(set(asked)) == len(asked)

    def test_a_refused_token_fails_at_once(self, server: StubServer) -> None:
        """401 is not tried again: it may lock the account out."""
        vendor = Vendor(server, self.account)
        vendor.fault(self.main_path, Reply.json({"id": "unauthorized"}, status=401))

        with pytest.raises(ProviderAuthError):
            vendor.fetch(self.slug)

        assert [asked.path for asked in server.asked].count(self.main_path) == 1

    def test_a_refused_kind_is_a_named_gap(self, server: StubServer) -> None:
        """403 on one kind leaves the others to be seen."""
        vendor = Vendor(server, self.account)
        vendor.fault(self.main_path, Reply.json({"id": "forbidden"}, status=403))

        inventory = vendor.fetch(self.slug)

        assert inventory.gaps
        assert all("not visible with this token" in gap.reason for gap in inventory.gaps)
        assert len(inventory.resources) < self.account.resources
        assert vendor.pauses == []

    def test_a_token_that_sees_nothing_is_an_error(self, server: StubServer) -> None:
        """Nothing visible is not an account without cost."""
        vendor = Vendor(server, self.account)
        for path in self.documented_paths:
            vendor.fault(path, Reply.json({"id": "forbidden"}, status=403))

        with pytest.raises(ProviderPermissionError):
            vendor.fetch(self.slug)

    def test_a_wait_that_the_vendor_asks_for_is_kept(self, server: StubServer) -> None:
        """429 with Retry-After is waited for to the second, then read."""
        vendor = Vendor(server, self.account)
        whole = vendor.fetch(self.slug)
        limit = Reply.json({"id": "too_many_requests"}, status=429, retry_after="7")
        vendor.disturb(self.main_path, limit)

        inventory = vendor.fetch(self.slug)

        assert vendor.pauses == [7.0]
        assert inventory == whole

    def test_a_wait_beyond_the_budget_is_reported(self, server: StubServer) -> None:
        """The error says how long to stay away."""
        vendor = Vendor(server, self.account)
        limit = Reply.json({"id": "too_many_requests"}, status=429, retry_after="3000")
        vendor.fault(self.main_path, limit)

        with pytest.raises(ProviderRateLimitError) as caught:
            vendor.fetch(self.slug)

        assert caught.value.retry_after_s == 3000.0
        assert vendor.pauses == []

    def test_a_fault_that_passes_is_not_noticed(self, server: StubServer) -> None:
        """500 once is tried again."""
        vendor = Vendor(server, self.account)
        whole = vendor.fetch(self.slug)
        vendor.disturb(self.main_path, Reply.json({"id": "server_error"}, status=500))

        assert vendor.fetch(self.slug) == whole

    @pytest.mark.parametrize(
        ("reply", "reason"),
        [
            pytest.param(Reply(status=500), "server", id="500"),
            pytest.param(Reply(status=503), "server", id="503"),
            pytest.param(Reply(delay_s=1.0), "timeout", id="silence"),
            pytest.param(Reply(body=b"{" * 50, cut_at=20), "network", id="cut off"),
        ],
    )
    def test_a_fault_that_stays_is_named(
        self, server: StubServer, reply: Reply, reason: FailureReason
    ) -> None:
        """It is tried a few times, then named, and no part of the listing is returned."""
        vendor = Vendor(server, self.account)
        vendor.fault(self.main_path, reply)

        found, message = self.fault_of(vendor)

        assert found == reason
        assert f"GET {self.main_path}:" in message
        tries = [asked.path for asked in server.asked].count(self.main_path)
        assert tries == _LIMITS.attempts

    @pytest.mark.parametrize(
        "reply",
        [
            pytest.param(
                Reply(body=b"<html>hello</html>", headers={"content-type": "text/html"}), id="HTML"
            ),
            pytest.param(Reply(body=b"<html>hello</html>"), id="HTML that claims to be JSON"),
            pytest.param(Reply(body=b""), id="nothing"),
            pytest.param(Reply(body=b"null"), id="null"),
            pytest.param(Reply(body=b"[]"), id="a list"),
            pytest.param(Reply(body=b"{}"), id="an object without content"),
            pytest.param(Reply(body=b'{"x":' + b"[" * 200_000), id="deep nesting"),
            pytest.param(Reply(body=b'{"x": "\xff"}'), id="not UTF-8"),
            pytest.param(Reply(status=204), id="204"),
            pytest.param(Reply(status=418), id="418"),
        ],
    )
    def test_what_is_not_documented_is_a_schema_error(
        self, server: StubServer, reply: Reply
    ) -> None:
        """It names vendor and endpoint and is not tried again."""
        vendor = Vendor(server, self.account)
        vendor.fault(self.main_path, reply)

        reason, message = self.fault_of(vendor)

        assert reason == "schema"
        assert message.startswith(f"{self.slug}: GET {self.main_path}: ")
        assert vendor.pauses == []

    def test_a_truncated_answer_is_a_schema_error(self, server: StubServer) -> None:
        """Half of valid JSON is an error, wherever it was cut."""
        vendor = Vendor(server, self.account)
        body = vendor.recorded(self.main_path).body
        vendor.fault(self.main_path, *(Reply(body=body[:end]) for end in range(0, len(body), 40)))

        for _ in range(0, len(body), 40):
            reason, _message = self.fault_of(vendor)
            assert reason == "schema"

    def test_a_missing_field_is_named_by_its_path(self, server: StubServer) -> None:
        """The error says where in the answer it is missing."""
        vendor = Vendor(server, self.account)
        answer = json.loads(vendor.recorded(self.main_path).body)
        *parents, field = self.main_field
        holder = answer
        for step in parents:
            holder = holder[step]
        del holder[field]
        vendor.fault(self.main_path, Reply.json(answer))

        reason, message = self.fault_of(vendor)

        assert reason == "schema"
        steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.main_field]
        assert f" at ${''.join(steps)};" in message

    def test_unknown_fields_change_nothing(self, server: StubServer) -> None:
        """Vendors add fields without notice."""
        whole = Vendor(server, self.account).fetch(self.slug)
        answers = {path: _with_surprises(answer) for path, answer in self.account.answers.items()}
        surprising = Recording(answers=answers, resources=self.account.resources)

        assert Vendor(server, surprising).fetch(self.slug) == whole

    def test_only_documented_reads_are_sent(self, server: StubServer) -> None:
        """GET, documented paths, and the token in its header and nowhere else."""
        Vendor(server, self.account).fetch(self.slug)

        assert server.asked
        for asked in server.asked:
            assert asked.method == "GET"
            assert asked.path in self.documented_paths
            assert asked.headers["authorization"] == f"Bearer {TOKEN}"
            assert TOKEN not in asked.path + str(asked.query)

    def test_a_redirect_is_not_followed(self, server: StubServer) -> None:
        """The other host is named and gets neither a request nor the token."""
        vendor = Vendor(server, self.account)
        with StubServer() as elsewhere:
            target = f"{elsewhere.url.replace('127.0.0.1', 'localhost')}/take?token=secret"
            vendor.fault(self.main_path, Reply(status=302, headers={"location": target}))

            reason, message = self.fault_of(vendor)

            assert elsewhere.asked == ()
        assert reason == "schema"
        assert "localhost" in message
        assert "secret" not in message

    @pytest.mark.parametrize(
        "reply",
        [
            pytest.param(Reply(status=401), id="401"),
            pytest.param(Reply(status=403), id="403"),
            pytest.param(Reply(status=500), id="500"),
            pytest.param(Reply(delay_s=1.0), id="silence"),
            pytest.param(Reply(body=b"{" * 50, cut_at=20), id="cut off"),
            pytest.param(Reply(body=TOKEN.encode()), id="the token itself"),
            pytest.param(
                Reply(status=301, headers={"location": f"http://{TOKEN}@127.0.0.2/?t={TOKEN}"}),
                id="redirect",
            ),
        ],
    )
    def test_the_token_is_nowhere(
        self, server: StubServer, caplog: pytest.LogCaptureFixture, reply: Reply
    ) -> None:
        """Not in a text, a representation, a traceback or a log, whatever happens."""
        vendor = Vendor(server, self.account)
        for path in self.documented_paths:
            vendor.fault(path, reply)

        with caplog.at_level(logging.DEBUG), pytest.raises(ProviderError) as caught:
            vendor.fetch(self.slug)

        said = [str(caught.value), repr(caught.value), repr(vars(caught.value)), caplog.text]
        said += traceback.format_exception(caught.value)
        assert caught.value.__context__ is None, "a library's error may hold the request"
        assert TOKEN not in "".join(said)


def _with_surprises(answer: Any) -> Any:
    if isinstance(answer, dict):
        known = {key: _with_surprises(value) for key, value in answer.items()}
        keyed_by_id = answer and all(key.isdigit() for key in answer)
        return known if keyed_by_id else {"surprise": {"a": [1, None]}, **known}
    if isinstance(answer, list):
        return [_with_surprises(value) for value in answer]
    return answer
