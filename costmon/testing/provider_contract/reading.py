"""What all kinds of reading keep to: faults, secrets, hosts, and no request but reads."""

import datetime as dt
import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from costmon.errors import FailureReason, ProviderError
from costmon.providers import catalog
from costmon.providers.base import Provider
from costmon.testing.provider_contract.vendor import LIMITS, NOW, Recording, Vendor
from costmon.testing.stub import Reply, StubServer

R = TypeVar("R")
Place = tuple[str | int, ...]
REMOVED = object()
_REFUSED = {"permission", "plan"}
_CUTS = 60
_WRITTEN = re.compile(r'"@digits@([^"]*)"')


@dataclass(frozen=True, slots=True)
class Digits:
    """A JSON number as it is written; `NaN` and `Infinity`, which are not JSON, can be sent, too.

    Attributes:
        text: Its digits.
    """

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How a reading failed.

    Attributes:
        reason: Its class.
        text: What people are told.
        error: What was raised; `None` when a part failed and the rest was read.
    """

    reason: FailureReason
    text: str
    error: ProviderError | None


class ReadingContract(Generic[R]):
    """The cases of every reading. A subclass sets the attributes.

    Attributes:
        slug: The provider's key in the catalog.
        account: An account with something of every kind.
        empty: An account in which there is nothing.
        main_path: Where faults are put: the listing that matters most, asked first.
        main_method: With which method it is asked.
        main_field: A required field of the main listing's first item, from the top.
        main_field_place: How an error names it; `None`: `$.items[0].id` for (`items`, 0, `id`).
        documented_paths: All paths that may be asked.
        lines: Whether the main answer is JSON lines; then `main_field` begins with the line.
        wrong_bodies: Bodies that are not valid answers of the main path.
        credentials: What the account is read with, by key; at first a planted secret for each
            that is required.
        options: What the account says.
        now: When the poll begins.
        known_gaps: What the API never shows, hence what every answer names as a gap.
    """

    slug: ClassVar[str]
    account: ClassVar[Recording]
    empty: ClassVar[Recording]
    main_path: ClassVar[str]
    main_method: ClassVar[str] = "GET"
    main_field: ClassVar[Place]
    main_field_place: ClassVar[str | None] = None
    documented_paths: ClassVar[frozenset[str]]
    lines: ClassVar[bool] = False
    wrong_bodies: ClassVar[tuple[bytes, ...]] = (
        b"",
        b"{",
        b"<html>hello</html>",
        b"null",
        b"7",
        b'"text"',
        b"[]",
        b"{}",
    )
    credentials: ClassVar[Mapping[str, str]] = {}
    options: ClassVar[Mapping[str, object]] = {}
    now: ClassVar[dt.datetime] = NOW
    known_gaps: ClassVar[frozenset[str]] = frozenset()

    def ask(self, provider: Provider) -> R:
        """Read once, from beginning to end."""
        raise NotImplementedError

    def partial_failure(self, reading: R) -> Failure | None:
        """Return what a reading says of a part that could not be read; at first nothing."""
        del reading
        return None

    def says_gap(self, reading: R) -> bool:
        """Tell whether a reading names what it could not see."""
        raise NotImplementedError

    def check_contents(self, reading: R, recording: Recording) -> None:
        """Assert that a reading has what a recording says must come of it."""
        raise NotImplementedError

    def without_raw(self, reading: R) -> R:
        """Return a reading without what it keeps of the vendor's own answer."""
        return reading

    @pytest.fixture
    def server(self) -> Iterator[StubServer]:
        """Serve while a case runs."""
        with StubServer() as server:
            yield server

    @property
    def secrets(self) -> Mapping[str, str]:
        """Return the credentials by key."""
        required = (one for one in catalog.modules()[self.slug].info.credentials if one.required)
        planted = {one.key: f"planted-{one.key}-0123456789abcdef" for one in required}
        return self.credentials or planted

    def serve(self, server: StubServer, recording: Recording) -> Vendor:
        """Serve a recording."""
        return Vendor(
            server,
            recording,
            slug=self.slug,
            credentials=self.secrets,
            options=self.options,
        )

    def read(self, vendor: Vendor) -> R:
        """Let the provider read the account once."""
        with vendor.provider() as provider:
            return self.ask(provider)

    def failure(self, vendor: Vendor) -> Failure:
        """Let the provider read the account, which must not succeed."""
        try:
            reading = self.read(vendor)
        except ProviderError as error:
            return Failure(reason=error.reason, text=str(error), error=error)
        failed = self.partial_failure(reading)
        assert failed is not None, f"a fault was taken for an answer: {reading}"
        return failed

    def load(self, body: bytes) -> Any:
        """Return what a body of the main path says; of JSON lines, a list.

        Numbers with decimals are `Digits`, so that `dump` writes them as they were.
        """
        if self.lines:
            return [json.loads(line, parse_float=Digits) for line in body.splitlines()]
        return json.loads(body, parse_float=Digits)

    def dump(self, answer: Any) -> bytes:
        """Return the body that says `answer`."""
        whole = answer if self.lines else [answer]
        lines = [_WRITTEN.sub(r"\1", json.dumps(line, default=_written)) for line in whole]
        return "\n".join(lines).encode() + b"\n" * self.lines

    def replaced(self, place: Place, value: object) -> Callable[[bytes], bytes]:
        """Return what puts `value` at `place` in the first body that has such a place.

        Also when that body is asked for again, as after a timeout. `REMOVED` takes the field away.
        """
        altered: list[bytes] = []

        def change(body: bytes) -> bytes:
            answer = self.load(body)
            holder = _holder(answer, place)
            if holder is None or (altered and body != altered[0]):
                return body
            altered.append(body)
            if value is REMOVED:
                del holder[place[-1]]
            else:
                holder[place[-1]] = value
            return self.dump(answer)

        return change

    def place_of(self, place: Place) -> str:
        """Return how an error names a place in an answer."""
        steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in place]
        return "$" + "".join(steps)

    def check_names_the_answer(self, failed: Failure) -> None:
        """Assert that a failure says which answer of which vendor is wrong."""
        assert f"{self.slug}: {self.main_method} {self.main_path}: " in failed.text

    def times_asked(self, server: StubServer) -> int:
        """Return how often the main path was asked."""
        return [asked.path for asked in server.asked].count(self.main_path)

    def test_two_reads_say_the_same(self, server: StubServer) -> None:
        """Nothing is kept between two reads, and no order is left to chance."""
        vendor = self.serve(server, self.account)

        assert self.read(vendor) == self.read(vendor)

    def test_a_refused_token_fails_at_once(self, server: StubServer) -> None:
        """401 is not tried again: it may lock the account out."""
        vendor = self.serve(server, self.account)
        vendor.fault(self.main_path, Reply.json({"id": "unauthorized"}, status=401))

        failed = self.failure(vendor)

        assert failed.reason == "auth"
        assert self.times_asked(server) == 1

    def test_what_the_token_may_not_read_is_named(self, server: StubServer) -> None:
        """403 on the main path is a named gap or an error, and is not tried again."""
        vendor = self.serve(server, self.account)
        vendor.fault(self.main_path, Reply.json({"id": "forbidden"}, status=403))

        try:
            named = self.says_gap(self.read(vendor))
        except ProviderError as error:
            named = error.reason in _REFUSED

        assert named
        assert vendor.pauses == []

    def test_a_token_that_sees_nothing_is_an_error(self, server: StubServer) -> None:
        """Nothing visible is not an account without cost."""
        vendor = self.serve(server, self.account)
        for path in self.documented_paths:
            vendor.fault(path, Reply.json({"id": "forbidden"}, status=403))

        with pytest.raises(ProviderError) as caught:
            self.read(vendor)

        assert caught.value.reason in _REFUSED

    def test_a_removed_endpoint_is_named_frozen(self, server: StubServer) -> None:
        """410 will not pass by waiting."""
        vendor = self.serve(server, self.account)
        vendor.fault(self.main_path, Reply.json({"id": "gone"}, status=410))

        failed = self.failure(vendor)

        assert failed.reason == "frozen"
        self.check_names_the_answer(failed)
        assert vendor.pauses == []

    def test_a_path_that_is_not_there_is_no_empty_answer(self, server: StubServer) -> None:
        """404 of a listing is a fault, or something that the plan does not have."""
        vendor = self.serve(server, self.account)
        vendor.fault(self.main_path, Reply.json({"id": "not_found"}, status=404))

        failed = self.failure(vendor)

        assert failed.reason in {"schema", *_REFUSED}
        self.check_names_the_answer(failed)

    def test_a_wait_that_the_vendor_asks_for_is_kept(self, server: StubServer) -> None:
        """429 with Retry-After is waited for to the second, then read."""
        vendor = self.serve(server, self.account)
        whole = self.read(vendor)
        limit = Reply.json({"id": "too_many_requests"}, status=429, retry_after="7")
        vendor.disturb(self.main_path, limit)

        reading = self.read(vendor)

        assert vendor.pauses == [7.0]
        assert reading == whole

    def test_a_wait_beyond_the_budget_is_reported(self, server: StubServer) -> None:
        """The error says how long to stay away."""
        vendor = self.serve(server, self.account)
        limit = Reply.json({"id": "too_many_requests"}, status=429, retry_after="3000")
        vendor.fault(self.main_path, limit)

        failed = self.failure(vendor)

        assert failed.reason == "rate_limit"
        assert failed.error is None or failed.error.retry_after_s == 3000.0
        assert vendor.pauses == []

    def test_a_fault_that_passes_is_not_noticed(self, server: StubServer) -> None:
        """500 once is tried again."""
        vendor = self.serve(server, self.account)
        whole = self.read(vendor)
        vendor.disturb(self.main_path, Reply.json({"id": "server_error"}, status=500))

        assert self.read(vendor) == whole

    @pytest.mark.parametrize(
        ("reply", "reason"),
        [
            pytest.param(Reply(status=500), "server", id="500"),
            pytest.param(Reply(status=503), "server", id="503"),
            pytest.param(Reply(delay_s=60.0), "timeout", id="silence"),
            pytest.param(Reply(body=b"{" * 50, cut_at=20), "network", id="cut off"),
        ],
    )
    def test_a_fault_that_stays_is_an_error(
        self, server: StubServer, reply: Reply, reason: FailureReason
    ) -> None:
        """It is tried a few times, then named, and nothing is made up for what is missing."""
        vendor = self.serve(server, self.account)
        vendor.fault(self.main_path, reply)

        failed = self.failure(vendor)

        assert failed.reason == reason
        self.check_names_the_answer(failed)
        assert self.times_asked(server) % LIMITS.attempts == 0

    def test_a_page_for_people_is_a_schema_error(self, server: StubServer) -> None:
        """A proxy's HTML is not an answer, whatever its status."""
        vendor = self.serve(server, self.account)
        page = Reply(body=b"<html>hello</html>", headers={"content-type": "text/html"})
        vendor.fault(self.main_path, page)

        failed = self.failure(vendor)

        assert failed.reason == "schema"
        self.check_names_the_answer(failed)
        assert vendor.pauses == []

    def test_garbage_is_a_schema_error(self, server: StubServer) -> None:
        """It is not tried again, and what is wrong is named."""
        for body in self.wrong_bodies:
            vendor = self.serve(server, self.account)
            vendor.fault(self.main_path, Reply(body=body))

            failed = self.failure(vendor)

            assert failed.reason == "schema", body
            self.check_names_the_answer(failed)
            assert vendor.pauses == []

    def test_a_truncated_answer_is_a_schema_error(self, server: StubServer) -> None:
        """Half of valid JSON is not an answer, wherever it was cut."""
        vendor = self.serve(server, self.account)
        bodies: list[bytes] = []

        def kept(body: bytes) -> bytes:
            bodies.append(body)
            return body

        vendor.alter(self.main_path, kept)
        self.read(vendor)

        for end in range(0, len(bodies[0]), max(1, len(bodies[0]) // _CUTS)):
            half = bodies[0][:end]
            if self.lines and _ends_with_a_whole_line(half):
                continue
            vendor.fault(self.main_path, Reply(body=half))

            assert self.failure(vendor).reason == "schema"

    def test_a_missing_field_is_named_by_its_place(self, server: StubServer) -> None:
        """The error says where in the answer it is missing."""
        vendor = self.serve(server, self.account)
        vendor.alter(self.main_path, self.replaced(self.main_field, REMOVED))

        failed = self.failure(vendor)

        assert failed.reason == "schema"
        place = self.main_field_place or self.place_of(self.main_field)
        assert f" at {place};" in failed.text

    @pytest.mark.parametrize("value", [None, True, [], {}], ids=repr)
    def test_a_field_of_another_type_is_a_schema_error(
        self, server: StubServer, value: object
    ) -> None:
        """It is neither guessed nor left out."""
        vendor = self.serve(server, self.account)
        vendor.alter(self.main_path, self.replaced(self.main_field, value))

        failed = self.failure(vendor)

        assert failed.reason == "schema"
        self.check_names_the_answer(failed)

    def test_unknown_fields_change_nothing(self, server: StubServer) -> None:
        """Vendors add fields without notice."""
        vendor = self.serve(server, self.account)
        whole = self.read(vendor)
        vendor.alter(self.main_path, lambda body: self.dump(_with_surprises(self.load(body))))

        assert self.without_raw(self.read(vendor)) == self.without_raw(whole)

    def test_only_documented_reads_are_sent(self, server: StubServer) -> None:
        """GET and declared POSTs, documented paths, and secrets in headers and nowhere else."""
        info = catalog.modules()[self.slug].info
        posts = [re.compile(post.replace("*", "[^/]+")) for post in info.read_only_posts]
        headers = {name.lower(): value for name, value in info.authentication(self.secrets).items()}

        self.read(self.serve(server, self.account))

        assert server.asked
        for asked in server.asked:
            assert asked.method == "GET" or any(post.fullmatch(asked.path) for post in posts)
            assert asked.path in self.documented_paths
            sent = asked.path + str(asked.pairs) + asked.body.decode()
            assert not any(secret in sent for secret in self.secrets.values())
            if asked.path == self.main_path:
                assert headers.items() <= asked.headers.items()

    def test_a_redirect_is_not_followed(self, server: StubServer) -> None:
        """The other host is named and gets neither a request nor the token."""
        vendor = self.serve(server, self.account)
        with StubServer() as elsewhere:
            target = f"{elsewhere.url.replace('127.0.0.1', 'localhost')}/take?token=secret"
            vendor.fault(self.main_path, Reply(status=302, headers={"location": target}))

            failed = self.failure(vendor)

            assert elsewhere.asked == ()
        assert failed.reason == "schema"
        assert "localhost" in failed.text
        assert "secret" not in failed.text

    @pytest.mark.parametrize(
        "fault",
        ["401", "403", "404", "500", "silence", "cut off", "the token itself", "redirect"],
    )
    def test_the_secrets_are_nowhere(
        self, server: StubServer, caplog: pytest.LogCaptureFixture, fault: str
    ) -> None:
        """Not in a text, a representation, a traceback or a log, whatever happens."""
        vendor = self.serve(server, self.account)
        for secret in self.secrets.values():
            reply = _fault_with(secret, fault)
            for path in self.documented_paths:
                vendor.fault(path, reply)

            with caplog.at_level(logging.DEBUG):
                said = self._said(vendor)

            assert not any(one in said + caplog.text for one in self.secrets.values())

    def _said(self, vendor: Vendor) -> str:
        """Return everything that a failed read says, or the reading of what has not failed."""
        try:
            return self.text_of(self.read(vendor))
        except ProviderError as caught:
            error = caught
        assert error.__context__ is None, "a library's error may hold the request"
        # `answer` is the vendor's, and only the provider looks at it.
        fields = {**vars(error), "answer": b""}
        return "".join([repr(error), repr(fields), *traceback.format_exception(error)])

    def text_of(self, reading: R) -> str:
        """Return everything that a reading holds, as text."""
        return repr(reading)

    def test_a_reading_holds_no_secret(self, server: StubServer) -> None:
        """A vendor may send back what it was sent."""
        vendor = self.serve(server, self.account)
        holder = {"token": "".join(self.secrets.values()), "authorization": "x"}
        vendor.alter(
            self.main_path,
            lambda body: self.dump(_with_surprises(self.load(body), holder)),
        )

        reading = self.read(vendor)

        assert not any(secret in self.text_of(reading) for secret in self.secrets.values())


class CursorCases(ReadingContract[Any]):
    """The cases of a listing that goes on with a cursor. A subclass sets the attributes.

    Attributes:
        many: An account whose main listing has several pages, with what comes of all of them.
        cursor_field: Where the main answer has the cursor of the next page.
    """

    many: ClassVar[Recording]
    cursor_field: ClassVar[Place] = ("next_page",)

    def test_every_page_is_read_once(self, server: StubServer) -> None:
        """No page is left out, and none costs two requests."""
        reading = self.read(self.serve(server, self.many))

        self.check_contents(reading, self.many)
        asked = [(asked.path, asked.pairs, asked.body) for asked in server.asked]
        assert len(set(asked)) == len(asked)
        assert self.times_asked(server) > 1

    @pytest.mark.parametrize("cursor", [None, "", REMOVED], ids=["null", "empty", "missing"])
    def test_more_without_a_cursor_is_incomplete(self, server: StubServer, cursor: object) -> None:
        """The vendor has more and does not say where: that is not the end."""
        vendor = self.serve(server, self.many)
        vendor.alter(self.main_path, self.replaced(self.cursor_field, cursor))

        failed = self.failure(vendor)

        assert failed.reason == "schema"
        assert "incomplete" in failed.text
        self.check_names_the_answer(failed)

    def test_a_cursor_that_repeats_is_incomplete(self, server: StubServer) -> None:
        """It would go on for ever."""
        vendor = self.serve(server, self.many)
        first: list[Reply] = []

        def same(body: bytes) -> bytes:
            first.append(Reply(body=body))
            return first[0].body

        vendor.alter(self.main_path, same)

        failed = self.failure(vendor)

        assert failed.reason == "schema"
        assert "incomplete" in failed.text
        self.check_names_the_answer(failed)

    @pytest.mark.parametrize(
        ("reply", "reasons"),
        [
            pytest.param(Reply(status=403), {"permission", "plan", "schema"}, id="403"),
            pytest.param(Reply(status=410), {"frozen"}, id="410"),
            pytest.param(Reply(body=b"{"), {"schema"}, id="garbage"),
            pytest.param(Reply(status=429, headers={"retry-after": "3000"}), {"rate_limit"}),
        ],
    )
    def test_a_later_page_that_fails_fails_the_reading(
        self, server: StubServer, reply: Reply, reasons: set[str]
    ) -> None:
        """Half a listing is not a listing."""
        vendor = self.serve(server, self.many)
        vendor.disturb(self.main_path, reply, after=1)

        failed = self.failure(vendor)

        assert failed.reason in reasons
        self.check_names_the_answer(failed)


def _fault_with(secret: str, fault: str) -> Reply:
    """Return a fault; where there is a body, it has the secret."""
    match fault:
        case "silence":
            return Reply(delay_s=60.0)
        case "cut off":
            return Reply(body=b"{" * 50, cut_at=20)
        case "the token itself":
            return Reply(body=secret.encode())
        case "redirect":
            location = f"http://{secret}@127.0.0.2/?t={secret}"
            return Reply(status=301, headers={"location": location})
        case _:
            return Reply(status=int(fault), body=json.dumps({"message": secret}).encode())


def _written(value: object) -> str:
    if isinstance(value, Digits):
        return f"@digits@{value.text}"
    raise TypeError(type(value))


def _holder(answer: Any, place: Place) -> Any:
    """Return what holds the last step of a place; `None` when the answer has no such place."""
    *parents, last = place
    for step in parents:
        try:
            answer = answer[step]
        except (KeyError, IndexError, TypeError):
            return None
    if isinstance(answer, dict):
        return answer if last in answer else None
    if isinstance(answer, list) and isinstance(last, int):
        return answer if last < len(answer) else None
    return None


def _ends_with_a_whole_line(body: bytes) -> bool:
    try:
        last = body.rpartition(b"\n")[2]
        return not last or bool(json.loads(last))
    except ValueError:
        return False


def _with_surprises(answer: Any, surprise: object = None) -> Any:
    if isinstance(answer, dict):
        known = {key: _with_surprises(value, surprise) for key, value in answer.items()}
        keyed_by_id = answer and all(key.isdigit() for key in answer)
        return known if keyed_by_id else {"surprise": surprise or {"a": [1, None]}, **known}
    if isinstance(answer, list):
        return [_with_surprises(value, surprise) for value in answer]
    return answer
