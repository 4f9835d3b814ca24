"""GET over real HTTP: the one module that imports requests."""

import ipaddress
import random
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol
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
from costmon.outbound.body import Body, BodyTooLargeError, BodyTruncatedError
from costmon.outbound.http_errors import Refusal
from costmon.outbound.protocol import OutboundLimits
from costmon.outbound.quota import Quota, parse_quota
from costmon.outbound.retries import Retries

_CHUNK_BYTES = 65536
_SHOWN_CONTENT_TYPE = 60


class Revealing(Protocol):
    """A secret that says its value only when asked to."""

    def reveal(self) -> str:
        """Return the value in clear text."""
        ...


class HttpOutbound:
    """The HTTP client of one vendor with one token, for one thread.

    It sends GET and nothing else, follows no redirect, reads every body under a deadline and a
    size, repeats what can succeed later, and counts what it sent.
    """

    def __init__(
        self,
        *,
        provider: str,
        base_url: str,
        token: str | Revealing,
        clock: Clock,
        rng: random.Random,
        pause: Callable[[float], bool],
        beat: Callable[[], None],
        limits: OutboundLimits,
    ) -> None:
        """Open nothing yet.

        Args:
            provider: The vendor's slug, for errors.
            base_url: Scheme, host and optional path prefix.
            token: The bearer token.
            clock: Tells the time.
            rng: Source of jitter.
            pause: Waits so many seconds; `False` when the wait was cut short because the caller
                is to stop, and then nothing more is tried.
            beat: Called before every attempt and after every chunk; what it raises ends the GET.
            limits: How far a GET may go.
        """
        self._provider = provider
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._rng = rng
        self._pause = pause
        self._beat = beat
        self._limits = limits
        self._quota = Quota()
        self._requests = 0
        self._failures: Counter[FailureReason] = Counter()
        self._token = token if isinstance(token, str) else token.reveal()
        self._session = _session(self._base_url, self._token)

    @property
    def host(self) -> str:
        """Return `host` or `host:port` of the vendor."""
        return urlsplit(self._base_url).netloc.rpartition("@")[2]

    def get(self, path: str, params: Mapping[str, str | int]) -> bytes:
        """Fetch the whole body of `path`.

        Raises:
            ProviderAuthError: 401.
            ProviderPermissionError: 403.
            ProviderRateLimitError: 429, or a pause longer than the budget is asked for.
            ProviderTimeoutError: No whole answer in time.
            ProviderServerError: 5xx.
            ProviderNetworkError: Not reachable, or the connection broke.
            ProviderSchemaError: A redirect, another status, not JSON, or too large.
        """
        refusal = Refusal(provider=self._provider, endpoint=f"GET {path}")
        retries = Retries(limits=self._limits, rng=self._rng, started_s=self._clock.monotonic_s())
        while True:
            self._beat()
            try:
                self._keep_to_quota(refusal)
                return self._attempt(refusal, path, params)
            except ProviderError as error:
                self._failures[error.reason] += 1
                pause_s = retries.pause_after(error, self._clock.monotonic_s())
                if pause_s is None or not self._pause(pause_s):
                    raise

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

    def _attempt(self, refusal: Refusal, path: str, params: Mapping[str, str | int]) -> bytes:
        deadline_s = self._clock.monotonic_s() + self._limits.deadline_s
        if not _is_sendable(self._token):
            raise refusal.error(
                ProviderAuthError,
                "the token contains characters that are not valid in a token",
                "set it again, without line breaks, spaces and quotes",
            )
        self._requests += 1
        response = self._send(refusal, path, params)
        try:
            self._quota = parse_quota(response.headers)
            error = refusal.of_status(response.status_code, response.headers, self._clock.now())
            if error is not None:
                raise error
            compressed = self._check_headers(refusal, response.headers)
            return self._read(refusal, response, deadline_s, compressed=compressed)
        finally:
            response.close()

    def _send(
        self, refusal: Refusal, path: str, params: Mapping[str, str | int]
    ) -> requests.Response:
        try:
            return self._session.get(
                self._base_url + path,
                params=params,
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
        except requests.RequestException as cause:
            error = refusal.error(
                ProviderNetworkError,
                f"the vendor could not be reached ({_words(cause)})",
                "check DNS, proxy, firewall and the configured API URL",
            )
        # Raised out here, because the library's error holds the request, and that the token.
        raise error

    def _check_headers(self, refusal: Refusal, headers: Mapping[str, str]) -> bool:
        """Refuse what cannot be JSON of a sensible size; tell whether it is compressed."""
        content_type = headers.get("content-type", "")
        if content_type and "json" not in content_type.lower():
            raise refusal.error(
                ProviderSchemaError,
                f"expected JSON, got {content_type[:_SHOWN_CONTENT_TYPE]!r}",
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

    def _read(
        self, refusal: Refusal, response: requests.Response, deadline_s: float, *, compressed: bool
    ) -> bytes:
        body = Body(max_bytes=self._limits.max_bytes, compressed=compressed)
        raw = response.raw
        try:
            while chunk := raw.read1(_CHUNK_BYTES, decode_content=False):
                body.add(chunk)
                self._beat()
                if self._clock.monotonic_s() > deadline_s:
                    raise refusal.error(
                        ProviderTimeoutError,
                        f"the response was not complete within {self._limits.deadline_s:g} s",
                        "retried at the next poll",
                    )
            return body.whole()
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
            error = self._too_large(refusal)
        raise error

    def _too_large(self, refusal: Refusal) -> ProviderError:
        return refusal.error(
            ProviderSchemaError,
            f"the response is larger than {self._limits.max_bytes} bytes",
            "check the configured API URL; no documented response is that large",
        )


class _Session(requests.Session):
    """Knows no redirects: even unfollowed ones are parsed and have their bodies read whole."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Say that the answer leads nowhere."""


class _Bearer(requests.auth.AuthBase):
    """Sets the header last: without an auth object requests would let ~/.netrc replace it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _session(base_url: str, token: str) -> requests.Session:
    session = _Session()
    adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=1)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.auth = _Bearer(token)
    # Proxies and certificate bundles of the environment are for vendors, not for this machine.
    session.trust_env = not _is_loopback(urlsplit(base_url).hostname or "")
    session.headers.update(
        {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"costmon/{__version__}",
        }
    )
    return session


def _is_sendable(token: str) -> bool:
    """Tell whether a header can carry it; http.client would quote a bad one in its error."""
    return token.isascii() and token.isprintable() and " " not in token and token != ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _words(error: BaseException) -> str:
    """Say in words what is behind an error of the libraries, whose own text may hold the URL."""
    cause: BaseException | None = error
    words = type(error).__name__
    for _ in range(10):
        if cause is None:
            break
        if isinstance(cause, OSError) and cause.strerror:
            words = cause.strerror
        cause = cause.__cause__ or cause.__context__
    return words
