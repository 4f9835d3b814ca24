"""What a provider may do with the network: GET, within limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class Outbound(Protocol):
    """The interface of the HTTP client that a provider is given.

    Whoever implements it sends nothing but GET, to the one host it was made for, and answers with
    a whole body or raises: a caller never sees half an answer, a redirect or an error page. It
    repeats what may succeed later on its own account, so a caller does not.
    """

    @property
    def host(self) -> str:
        """Return `host` or `host:port` of the vendor, as in the configured base URL."""
        ...

    def get(self, path: str, params: Mapping[str, str | int]) -> bytes:
        """Fetch the whole body of `path`, at most as large as the limits allow.

        Raises:
            ProviderError: One of its subclasses, naming the endpoint and what to do.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundLimits:
    """How far a GET may go, in time, bytes and number.

    Attributes:
        connect_timeout_s: For TCP and TLS.
        read_timeout_s: Longest silence within an answer.
        deadline_s: One whole attempt: a body that drips never reaches the read timeout.
        max_bytes: Of a body after decompression. A page of 200 resources is about 0.2 MB.
        attempts: Requests for one GET, the first one included.
        budget_s: Attempts and pauses of one GET together; a pause that would end later is not
            begun. It covers the one-minute window of a burst limit.
        backoff_first_s: Upper bound of the first random pause; it doubles each time.
        backoff_max_s: Upper bound of every random pause.
    """

    connect_timeout_s: float = 5.0
    read_timeout_s: float = 15.0
    deadline_s: float = 30.0
    max_bytes: int = 10 * 1024 * 1024
    attempts: int = 4
    budget_s: float = 75.0
    backoff_first_s: float = 0.5
    backoff_max_s: float = 8.0
