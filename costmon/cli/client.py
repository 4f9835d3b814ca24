"""Ask the running service over HTTP, as the other commands do.

The standard library suffices, and it keeps these commands quick to start. Proxies of the
environment are not used: the service is on this machine or named by its own host.
"""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from costmon.config import Settings
from costmon.errors import CostmonError

_TIMEOUT_S = 10.0
_MOST_BYTES = 256 * 1024 * 1024
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - replaced, not listened on


class ServiceError(CostmonError):
    """The service did not answer, or answered that it cannot."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the API.

    Attributes:
        status: The HTTP status.
        text: The JSON as it came.
        content: The JSON as values, numbers with a point exact.
    """

    status: int
    text: str
    content: Any


class ServiceClient:
    """Asks one service, one connection a question."""

    def __init__(self, settings: Settings) -> None:
        self._host = _EVERYWHERE.get(settings.host, settings.host)
        self._port = settings.port
        self._token = settings.api_token

    def get(
        self, path: str, params: Mapping[str, str] | None = None, *, accepted: tuple[int, ...] = ()
    ) -> Reply:
        """Return the answer to a GET.

        Args:
            path: From the root, such as `/readyz`.
            params: The query.
            accepted: Statuses besides 200 that are answers too.

        Raises:
            ServiceError: No service is there, or it answers something else; the text says what
                to do.
        """
        query = f"?{urlencode(params)}" if params else ""
        status, body = self._ask(path + query)
        try:
            text = body.decode()
            content = json.loads(text, parse_float=Decimal)
        except ValueError:
            msg = f"{self._where} does not speak costmon's API: is another program on that port?"
            raise ServiceError(msg) from None
        if status == http.client.OK or status in accepted:
            return Reply(status, text, content)
        raise ServiceError(self._refusal(status, content))

    @property
    def _where(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def _ask(self, target: str) -> tuple[int, bytes]:
        headers = {"Accept": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
            return response.status, response.read(_MOST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            msg = (
                f"no service answers at {self._where} ({reason}); start it with `costmon run`, or "
                "name it with --host and --port"
            )
            raise ServiceError(msg) from error
        finally:
            connection.close()

    def _refusal(self, status: int, content: object) -> str:
        if status == http.client.UNAUTHORIZED:
            return f"{self._where} wants a token: set COSTMON_API_TOKEN to the service's own"
        message = content.get("message") if isinstance(content, dict) else None
        return f"{self._where} answers {status}: {message or 'without a reason'}"
