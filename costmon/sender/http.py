"""Tell configured destinations: bounded in time and size, and the URL is a secret.

Webhooks have their token in the path, and so does Telegram. So no error of this module holds a
part of the URL but its host.
"""

import threading
from collections.abc import Mapping
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

import requests
import requests.adapters

from costmon import __version__

_CONNECT_TIMEOUT_S = 5.0
_READ_TIMEOUT_S = 10.0
_ANSWER_BYTES = 64 * 1024


class Answer(NamedTuple):
    """What came back.

    Attributes:
        status: The HTTP status, whatever it is; redirects are not followed.
        body: At most 64 KiB of it.
        retry_after: The header `Retry-After`; `None` when there was none.
    """

    status: int
    body: bytes
    retry_after: str | None


class SendError(Exception):
    """Nothing came back: the text names the host and the cause, and no secret."""


class Sender(Protocol):
    """Sends one request."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body and return the answer.

        Raises:
            SendError: There was no answer within about 15 seconds.
        """
        ...

    def get(self, url: str) -> Answer:
        """Send a request without a body and return the answer; see `post`."""
        ...


class HttpSender:
    """A `Sender` over real HTTP; safe to use from several threads."""

    def __init__(self) -> None:
        self._local = threading.local()

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body and return the answer; see `Sender.post`."""
        return self._send("POST", url, body, headers)

    def get(self, url: str) -> Answer:
        """Send a request without a body and return the answer; see `Sender.post`."""
        return self._send("GET", url, None, {})

    def _send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        try:
            response = self._session().request(
                method,
                url,
                data=body,
                headers={"User-Agent": f"costmon/{__version__}", **headers},
                timeout=(_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S),
                allow_redirects=False,
                stream=True,
            )
            try:
                read = response.raw.read(_ANSWER_BYTES, decode_content=True)
            finally:
                response.close()
        except requests.Timeout:
            problem = f"no answer within {_READ_TIMEOUT_S:g} s"
        except (requests.RequestException, OSError, ValueError) as error:
            problem = f"not reachable ({type(error).__name__})"
        else:
            return Answer(response.status_code, read, response.headers.get("retry-after"))
        # Raised out here: the library's error holds the URL, and that the token.
        raise SendError(f"{_host(url)}: {problem}")

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            # An auth object keeps ~/.netrc from adding credentials.
            session.auth = _NoAuth()
            self._local.session = session
        return session


class _NoAuth(requests.auth.AuthBase):
    """Adds nothing to a request."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "the destination"
    except ValueError:
        return "the destination"
