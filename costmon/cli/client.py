"""Ask the running service over HTTP, as the other commands do.

The standard library suffices, and it keeps these commands quick to start. Proxies of the
environment are not used: the service is on this machine or named by its own host.
"""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from costmon.config import Secret, Settings
from costmon.config.api_token import find_token
from costmon.config.parsers import LOOPBACK_OF, is_loopback
from costmon.errors import CostmonError

_TIMEOUT_S = 10.0
_MOST_BYTES = 256 * 1024 * 1024
_LISTENING = "0A"


class ServiceError(CostmonError):
    """The service did not answer, or answered that it cannot."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the API.

    Attributes:
        status: The HTTP status.
        text: The JSON as it came.
        content: The JSON as values, numbers with a point exact; `None` when nothing came.
        etag: Names this state of what was asked for; `None` when the service does not say.
    """

    status: int
    text: str
    content: Any
    etag: str | None = None


class ServiceClient:
    """Asks one service, one connection a question."""

    def __init__(self, settings: Settings) -> None:
        self._host = LOOPBACK_OF.get(settings.host, settings.host)
        self._port = settings.port
        self._token = settings.api_token
        self._runtime_dir = settings.runtime_dir
        self._state_dir = settings.state_dir

    def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        accepted: tuple[int, ...] = (),
        unless: str | None = None,
    ) -> Reply:
        """Return the answer to a GET.

        Args:
            path: From the root, such as `/readyz`.
            params: The query.
            accepted: Statuses besides 200 that are answers too.
            unless: An ETag: what still has it is answered with 304.

        Raises:
            ServiceError: No service is there, or it answers something else; the text says what
                to do.
        """
        headers = {} if unless is None else {"If-None-Match": unless}
        return self._ask("GET", _target(path, params), headers, None, (HTTPStatus.OK, *accepted))

    def send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        body: object = None,
    ) -> Reply:
        """Return the answer to a POST, PUT or DELETE that the service has accepted.

        Args:
            method: Of HTTP.
            path: From the root.
            params: The query.
            body: Is sent as JSON; `None` sends nothing.

        Raises:
            ServiceError: No service is there, or it refuses; the text says why.
        """
        content = None if body is None else json.dumps(body).encode()
        headers = {} if content is None else {"Content-Type": "application/json"}
        accepted = (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED)
        return self._ask(method, _target(path, params), headers, content, accepted)

    @property
    def url(self) -> str:
        """Return the service's base URL."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def _ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        accepted: tuple[int, ...],
    ) -> Reply:
        response, received = self._exchange(method, target, headers, body)
        try:
            text = received.decode()
            content = json.loads(text, parse_float=Decimal) if text else None
        except ValueError:
            msg = (
                f"{self.url} did not answer like costmon: is another program listening on "
                "that port?"
            )
            raise ServiceError(msg) from None
        if response.status in accepted:
            return Reply(response.status, text, content, response.headers.get("ETag"))
        raise ServiceError(self._refusal(response.status, content))

    def _exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        headers = {"Accept": "application/json", **headers}
        token = self._token
        if token is None and method != "GET":
            token = self._found_token()
        if token is not None:
            headers["Authorization"] = f"Bearer {token.reveal()}"
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
        try:
            connection.request(method, target, body=body, headers=headers)
            response = connection.getresponse()
            return response, response.read(_MOST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            msg = (
                f"no service answers at {self.url} ({reason}); start it with `costmon run`, or "
                "give --host and --port"
            )
            raise ServiceError(msg) from error
        finally:
            connection.close()

    def _found_token(self) -> Secret | None:
        """Return the token that a service of this user made; it is needed for changes only.

        It is sent to nobody else: a program of another user may have taken the port.
        """
        if not is_loopback(self._host):
            return None
        found = find_token(self._runtime_dir, self._state_dir, self._port)
        if found is None:
            return None
        if strangers := listening_users(self._port) - {0, found.owner}:
            raise ServiceError(
                f"the program that listens at {self.url} runs as user {min(strangers)}, not as "
                f"user {found.owner}, to whom the token belongs; it is not sent. Stop that "
                "program, or give --port"
            )
        return found.token

    def _refusal(self, status: int, content: object) -> str:
        if status == HTTPStatus.UNAUTHORIZED:
            return (
                f"{self.url} requires its token: run this as the service's user, or set "
                "COSTMON_API_TOKEN (or COSTMON_API_TOKEN_FILE, a file that holds it) to the one "
                "that the service uses. Without that setting the service keeps it in the file "
                "api-token of its state directory"
            )
        message = content.get("message") if isinstance(content, dict) else None
        return f"{self.url} answers {status}: {message or 'no reason given'}"


def listening_users(port: int) -> frozenset[int]:
    """Return the users whose programs listen on a TCP port of this machine, as far as known."""
    users = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue  # not Linux, or not allowed
        for fields in map(str.split, lines):
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                users.add(int(fields[7]))
    return frozenset(users)


def _target(path: str, params: Mapping[str, str] | None) -> str:
    return f"{path}?{urlencode(params)}" if params else path
