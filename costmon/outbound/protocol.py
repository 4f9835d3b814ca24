"""What a provider may do with the network: read, within limits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol


class Outbound(Protocol):
    """The HTTP client that a provider is given.

    It sends nothing but GET, and POST to the paths that the provider has declared as reads, to the
    one host it was made for. It answers with a whole body or raises: a caller never sees half an
    answer, a redirect or an error page. It repeats what may succeed later, so a caller does not.
    """

    @property
    def host(self) -> str:
        """Return `host` or `host:port` of the vendor, as in the configured base URL."""
        ...

    @property
    def base_url(self) -> str:
        """Return the configured base URL, without a slash at the end: for signatures."""
        ...

    def get(
        self,
        path: str,
        params: "Params",
        *,
        headers: Mapping[str, str] | None = None,
        accept: "Accept" = "json",
    ) -> bytes:
        """Fetch the whole body of `path`, at most as large as the limits allow.

        Args:
            path: From the root of the API, already quoted.
            params: The query; a sequence of pairs repeats a name.
            headers: For this request only, such as a signature; they win over the client's own.
            accept: What the answer must be by its Content-Type.

        Raises:
            ProviderError: One of its subclasses, naming the endpoint and what to do.
        """
        ...

    def lines(self, path: str, params: "Params") -> Iterator[bytes]:
        """Fetch `path` line by line, without holding the whole body; empty lines are left out.

        Nothing is repeated once the first line has been handed over. What was read is of use only
        if the iterator ends without an error: a body that breaks off raises.

        Raises:
            ProviderError: As `get`; also for a line longer than 1 MiB.
        """
        ...

    def post(self, path: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> bytes:
        """Send JSON to a path that only reads, and return the whole body of the answer.

        Args:
            path: As of `get`.
            body: JSON, or what the header `Content-Type` of `headers` says.
            headers: As of `get`.

        Raises:
            ValueError: The path is not one of those that the provider has declared.
            ProviderError: As `get`.
        """
        ...


Accept = Literal["json", "lines", "text", "xml"]
Params = Mapping[str, str | int] | tuple[tuple[str, str | int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundLimits:
    """How far a request may go, in time, bytes and number.

    Attributes:
        connect_timeout_s: For TCP and TLS.
        read_timeout_s: Longest silence within an answer.
        deadline_s: One whole attempt: a body that drips never reaches the read timeout.
        max_bytes: Of a body after decompression. A page of 200 resources is about 0.2 MB.
        stream_deadline_s: As `deadline_s`, for an answer that is read line by line.
        stream_max_bytes: As `max_bytes`, for an answer that is read line by line.
        attempts: Attempts of one request, the first one included.
        patience: Requests in a row that may fail after all their attempts. Every request after
            them is sent once only, until one succeeds: an outage is known by then.
        budget_s: Attempts and pauses of one request together; a pause that would end later is not
            begun. It covers the one-minute window of a burst limit.
        backoff_first_s: Upper bound of the first random pause; it doubles each time.
        backoff_max_s: Upper bound of every random pause.
    """

    connect_timeout_s: float = 5.0
    read_timeout_s: float = 15.0
    deadline_s: float = 30.0
    max_bytes: int = 10 * 1024 * 1024
    stream_deadline_s: float = 300.0
    stream_max_bytes: int = 1024 * 1024 * 1024
    attempts: int = 4
    patience: int = 2
    budget_s: float = 75.0
    backoff_first_s: float = 0.5
    backoff_max_s: float = 8.0
