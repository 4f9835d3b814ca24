"""Reads over real HTTP: the one module that imports requests."""

import ipaddress
import random
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

import requests
import requests.adapters
import requests.auth
import urllib3.exceptions

from costmon import __version__
from costmon.clock import Clock
from costmon.errors import (
    FailureReason,
    ProviderAuthError,
    ProviderError,
    ProviderNetworkError,
    ProviderRateLimitError,
    ProviderSchemaError,
    ProviderTimeoutError,
)
from costmon.outbound.allowance import DailyAllowance
from costmon.outbound.body import Body, BodyTooLargeError, BodyTruncatedError
from costmon.outbound.http_errors import Refusal
from costmon.outbound.protocol import Accept, OutboundLimits, Params
from costmon.outbound.quota import Quota, parse_quota
from costmon.outbound.retries import Retries

T = TypeVar("T")

_CHUNK_BYTES = 16384
_LONGEST_LINE_BYTES = 1024 * 1024
_KINDS: Mapping[Accept, tuple[str, ...]] = {
    "json": ("json",),
    "lines": ("json", "text/plain", "octet-stream"),
    "text": ("text/plain", "openmetrics"),
    "xml": ("xml",),
}
_EXPECTED: Mapping[Accept, str] = {
    "json": "JSON",
    "lines": "lines of JSON",
    "text": "plain text",
    "xml": "XML",
}
_EXCERPT_BYTES = 4096
_EXCERPT_S = 5.0
_ACCEPTED: Mapping[Accept, str] = {
    "json": "application/json",
    "lines": "application/jsonl, application/x-ndjson, application/json",
    "text": "text/plain",
    "xml": "application/xml",
}
_SHOWN_CONTENT_TYPE = 60


class HttpOutbound:
    """The HTTP client for one vendor with one account's credentials, for one thread.

    It sends GET, and POST to declared paths; follows no redirect, reads every body under a deadline
    and a size, repeats what can succeed later, and counts what it sent.
    """

    def __init__(
        self,
        *,
        provider: str,
        base_url: str,
        headers: Mapping[str, str],
        read_only_posts: tuple[str, ...] = (),
        clock: Clock,
        rng: random.Random,
        pause: Callable[[float], bool],
        beat: Callable[[], None],
        limits: OutboundLimits,
        allowance: DailyAllowance | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            provider: The vendor's slug, for errors.
            base_url: Scheme, host and optional path prefix.
            headers: What authenticates, such as `Authorization`, and what the vendor asks for.
            read_only_posts: Paths that may be sent a POST; `*` is one part of a path.
            clock: Tells the time.
            rng: Source of jitter.
            pause: Waits so many seconds; `False` when the wait was cut short because the caller
                is to stop, and then nothing more is tried.
            beat: Called before every attempt and after every chunk; what it raises ends the
                request.
            limits: How far a request may go.
            allowance: How many requests a day may be sent, for a vendor that charges for them.
        """
        self._provider = provider
        self._base_url = base_url.rstrip("/")
        self._posts = tuple(post.split("/") for post in read_only_posts)
        self._clock = clock
        self._rng = rng
        self._pause = pause
        self._beat = beat
        self._limits = limits
        self._allowance = allowance
        self._quota = Quota()
        self._requests = 0
        self._failures: Counter[FailureReason] = Counter()
        self._given_up = 0
        self._headers = dict(headers)
        self._session = _session(self._base_url)

    @property
    def host(self) -> str:
        """Return `host` or `host:port` of the vendor."""
        return urlsplit(self._base_url).netloc.rpartition("@")[2]

    @property
    def base_url(self) -> str:
        """Return the configured base URL, without a slash at the end."""
        return self._base_url

    def get(
        self,
        path: str,
        params: Params,
        *,
        headers: Mapping[str, str] | None = None,
        accept: Accept = "json",
    ) -> bytes:
        """Fetch the whole body of `path`; see `Outbound.get`.

        Raises:
            ProviderAuthError: 401.
            ProviderPermissionError: 403.
            ProviderFrozenError: 410.
            ProviderRateLimitError: 429, or a pause longer than the budget is asked for.
            ProviderTimeoutError: No whole answer in time.
            ProviderServerError: 5xx.
            ProviderNetworkError: Not reachable, or the connection broke.
            ProviderSchemaError: A redirect, another status, not JSON, or too large.
        """
        request = _Request("GET", path, params, headers=headers or {}, accept=accept)
        return self._repeat(request, self._whole)

    def post(self, path: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> bytes:
        """Send JSON to a path that only reads; see `Outbound.post`."""
        parts = path.split("/")
        if not any(_matches(pattern, parts) for pattern in self._posts):
            msg = f"{self._provider} has not declared POST {path} as a read"
            raise ValueError(msg)
        request = _Request("POST", path, {}, body=body, headers=headers or {})
        return self._repeat(request, self._whole)

    def lines(self, path: str, params: Params) -> Iterator[bytes]:
        """Fetch `path` line by line; see `Outbound.lines`."""
        request = _Request("GET", path, params, accept="lines")
        response, chunks = self._repeat(request, self._opened)
        try:
            yield from _lines(chunks, request.refusal(self._provider))
        except ProviderError as error:
            self._failures[error.reason] += 1
            raise
        finally:
            response.close()

    def _repeat(self, request: "_Request", read: "Callable[[_Request], T]") -> "T":
        """Do what `read` does until it succeeds, or nothing more may be tried."""
        refusal = request.refusal(self._provider)
        retries = Retries(
            limits=self._limits,
            rng=self._rng,
            started_s=self._clock.monotonic_s(),
            attempts=1 if self._given_up >= self._limits.patience else self._limits.attempts,
        )
        while True:
            self._beat()
            try:
                self._keep_to_quota(refusal)
                found = read(request)
            except ProviderError as error:
                self._failures[error.reason] += 1
                pause_s = retries.pause_after(error, self._clock.monotonic_s())
                if pause_s is None or not self._pause(pause_s):
                    self._given_up = self._given_up + 1 if error.retryable else 0
                    raise
            else:
                self._given_up = 0
                return found

    def take_counts(self) -> tuple[int, tuple[tuple[FailureReason, int], ...]]:
        """Return requests sent and failures by reason since last asked."""
        taken = (self._requests, tuple(sorted(self._failures.items())))
        self._requests = 0
        self._failures = Counter()
        return taken

    def close(self) -> None:
        """Close the connection; a later `get` would open a new one."""
        self._session.close()

    def _keep_to_quota(self, refusal: Refusal) -> None:
        wait_s = self._quota.wait_s(self._clock.now())
        # Whether it is used up is asked of the vendor again once the wait is over.
        self._quota = Quota()
        if wait_s is not None:
            raise refusal.error(
                ProviderRateLimitError,
                f"the vendor's rate limit allows no request for {wait_s:.0f} s",
                "poll less often, or check what else uses this token",
                retry_after_s=wait_s,
            )

    def _whole(self, request: "_Request") -> bytes:
        response, chunks = self._answered(
            request, deadline_s=self._limits.deadline_s, max_bytes=self._limits.max_bytes
        )
        try:
            return b"".join(chunks)
        finally:
            response.close()

    def _opened(self, request: "_Request") -> tuple[requests.Response, Iterator[bytes]]:
        return self._answered(
            request,
            deadline_s=self._limits.stream_deadline_s,
            max_bytes=self._limits.stream_max_bytes,
        )

    def _answered(
        self, request: "_Request", *, deadline_s: float, max_bytes: int
    ) -> tuple[requests.Response, Iterator[bytes]]:
        """Send a request; return the answer to close, and its body once its status is good."""
        refusal = request.refusal(self._provider)
        until_s = self._clock.monotonic_s() + deadline_s
        if not all(map(_is_sendable, self._headers.values())):
            raise refusal.error(
                ProviderAuthError,
                "the token contains characters that are not valid in a token",
                "set it again, without line breaks, spaces and quotes",
            )
        if self._allowance is not None:
            _take(self._allowance, refusal)
        self._requests += 1
        response = self._send(refusal, request)
        try:
            now = self._clock.now()
            self._quota = parse_quota(response.headers, now)
            error = refusal.of_status(response.status_code, response.headers, now)
            if error is not None:
                error.answer = self._excerpt(refusal, response)
                error.challenge = response.headers.get("www-authenticate", "")
                raise error  # noqa: TRY301 - the answer is closed for every error alike
            compressed = self._check_headers(refusal, response.headers, request.accept)
        except BaseException:
            response.close()
            raise
        body = Body(max_bytes=max_bytes, compressed=compressed)
        return response, self._chunks(refusal, response, body, until_s, deadline_s)

    def _excerpt(self, refusal: Refusal, response: requests.Response) -> bytes:
        """Return the start of a refused answer's body, as far as it comes at once."""
        compressed = response.headers.get("content-encoding", "").strip().lower() == "gzip"
        body = Body(max_bytes=self._limits.max_bytes, compressed=compressed)
        until_s = self._clock.monotonic_s() + _EXCERPT_S
        found = b""
        try:
            for chunk in self._chunks(refusal, response, body, until_s, _EXCERPT_S):
                found += chunk
                if len(found) >= _EXCERPT_BYTES:
                    break
        except ProviderError:
            pass  # the status has said what matters
        return found[:_EXCERPT_BYTES]

    def _send(self, refusal: Refusal, request: "_Request") -> requests.Response:
        try:
            return self._session.request(
                request.method,
                self._base_url + request.path,
                params=request.params,
                data=request.body,
                headers=request.all_headers(),
                auth=_Headers({**self._headers, **request.headers}),
                stream=True,
                allow_redirects=False,
                timeout=(self._limits.connect_timeout_s, self._limits.read_timeout_s),
            )
        except requests.Timeout:
            error = refusal.error(
                ProviderTimeoutError,
                f"no response within {self._limits.read_timeout_s:g} s",
                "retried at the next poll",
            )
        except (OSError, ValueError, urllib3.exceptions.HTTPError) as cause:
            # A certificate bundle that is missing is an OSError, and a proxy that is not an address
            # can be an error of urllib3 or a ValueError.
            error = refusal.error(
                ProviderNetworkError,
                f"the vendor could not be reached ({_words(cause)})",
                "check DNS, firewall and the configured API URL, and in the environment "
                "HTTPS_PROXY, NO_PROXY and REQUESTS_CA_BUNDLE",
            )
        # Raised out here, because the library's error holds the request, and that the token.
        raise error

    def _check_headers(self, refusal: Refusal, headers: Mapping[str, str], accept: Accept) -> bool:
        """Check type and encoding of the answer; return whether it is compressed."""
        content_type = headers.get("content-type", "")
        if content_type and not any(kind in content_type.lower() for kind in _KINDS[accept]):
            raise refusal.error(
                ProviderSchemaError,
                f"expected {_EXPECTED[accept]}, got {content_type[:_SHOWN_CONTENT_TYPE]!r}",
                "check the configured API URL, and for a proxy that shows a page of its own",
            )
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"identity", "gzip"}:
            raise refusal.error(
                ProviderSchemaError,
                f"unknown compression {encoding[:_SHOWN_CONTENT_TYPE]!r}",
                "check whether a proxy changes responses",
            )
        return encoding == "gzip"

    def _chunks(
        self,
        refusal: Refusal,
        response: requests.Response,
        body: Body,
        until_s: float,
        deadline_s: float,
    ) -> Iterator[bytes]:
        raw = response.raw
        try:
            while chunk := raw.read1(_CHUNK_BYTES, decode_content=False):
                yield body.taken(chunk)
                self._beat()
                if self._clock.monotonic_s() > until_s:
                    raise refusal.error(
                        ProviderTimeoutError,
                        f"the response was not complete within {deadline_s:g} s",
                        "retried at the next poll",
                    )
            body.check_end()
            return  # noqa: TRY300 - what follows makes the error that is raised at the end
        except urllib3.exceptions.ReadTimeoutError:
            error = refusal.error(
                ProviderTimeoutError,
                f"the response stalled for {self._limits.read_timeout_s:g} s",
                "retried at the next poll",
            )
        except (urllib3.exceptions.HTTPError, OSError, BodyTruncatedError) as cause:
            error = refusal.error(
                ProviderNetworkError,
                f"the response was cut off ({_words(cause)})",
                "retried at the next poll",
            )
        except zlib.error:
            error = refusal.error(
                ProviderSchemaError,
                "the response could not be decompressed",
                "check whether a proxy changes responses",
            )
        except BodyTooLargeError:
            error = _too_large(refusal, "response", body.max_bytes)
        raise error


class _Session(requests.Session):
    """Ignores redirects: requests parses even unfollowed ones, and reads their bodies whole."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return `None`: redirects are not followed."""


class _Headers(requests.auth.AuthBase):
    """Sets headers last: without an auth object requests would let ~/.netrc replace them."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


class _Request(NamedTuple):
    """What is sent."""

    method: str
    path: str
    params: Params
    body: bytes | None = None
    headers: Mapping[str, str] = MappingProxyType({})
    accept: Accept = "json"

    def all_headers(self) -> Mapping[str, str]:
        """Return the headers for the type of the body and of the answer."""
        if self.body is None:
            return {"Accept": _ACCEPTED[self.accept]}
        return {"Accept": _ACCEPTED[self.accept], "Content-Type": "application/json"}

    def refusal(self, provider: str) -> Refusal:
        """Return what every error of this request says."""
        return Refusal(provider=provider, endpoint=f"{self.method} {self.path}")


def _matches(pattern: list[str], parts: list[str]) -> bool:
    return len(pattern) == len(parts) and all(
        wanted == part or (wanted == "*" and part)
        for wanted, part in zip(pattern[1:], parts[1:], strict=True)
    )


def _take(allowance: DailyAllowance, refusal: Refusal) -> None:
    """Count a request that costs money.

    Raises:
        ProviderRateLimitError: It is one too many today, or cannot be counted.
    """
    detail = f"the {allowance.limit} requests that the account may send a day are used up"
    hint = "read again tomorrow; or raise requests_per_day of the account: each request costs money"
    try:
        if allowance.take():
            return
    except OSError as cause:
        detail = (
            f"a request that costs money cannot be counted ({_words(cause)}), so it is not sent"
        )
        hint = "check the directory of COSTMON_STATE_DIR and its disk"
    raise refusal.error(
        ProviderRateLimitError, detail, hint, retry_after_s=allowance.seconds_left()
    )


def _too_large(refusal: Refusal, what: str, limit_bytes: int) -> ProviderError:
    return refusal.error(
        ProviderSchemaError,
        f"the {what} is larger than {limit_bytes} bytes",
        f"check the configured API URL; no documented {what} is that large",
    )


def _lines(chunks: Iterator[bytes], refusal: Refusal) -> Iterator[bytes]:
    """Cut chunks into lines; empty ones are left out."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from filter(None, map(bytes.strip, whole))
        if len(rest) > _LONGEST_LINE_BYTES:
            raise _too_large(refusal, "line", _LONGEST_LINE_BYTES)
    if rest.strip():
        yield rest.strip()


def _session(base_url: str) -> requests.Session:
    session = _Session()
    adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=1)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    # Proxies and certificate bundles of the environment are for vendors, not for this machine.
    session.trust_env = not _is_loopback(urlsplit(base_url).hostname or "")
    session.headers.update(
        {
            "Accept-Encoding": "gzip",
            "User-Agent": f"costmon/{__version__}",
        }
    )
    return session


def _is_sendable(value: str) -> bool:
    """Tell whether a header can carry it; http.client would quote a bad one in its error.

    It is a token, or a scheme and a token (`Bearer abc`).
    """
    parts = value.split(" ")
    return value.isascii() and value.isprintable() and all(parts) and len(parts) <= len("ab")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _words(error: BaseException) -> str:
    """Describe the cause of a library error, whose own text may hold the URL."""
    cause: BaseException | None = error
    words = type(error).__name__
    for _ in range(10):
        if cause is None:
            break
        if isinstance(cause, OSError) and cause.strerror:
            words = cause.strerror
        elif type(cause) is OSError:  # such as requests raises for a certificate bundle
            words = str(cause)
        cause = cause.__cause__ or cause.__context__
    return words
