"""Send metrics to an OTLP collector over HTTP."""

import http.client
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urlsplit

from costmon.errors import CostmonError, InputError

_PATH = "/v1/metrics"
_MOST_ANSWER_BYTES = 64 * 1024
_LONGEST_REASON = 200


class ExportError(CostmonError):
    """A collector could not be reached, or rejected data."""


class Collector:
    """Posts to one address, with a connection per request; redirects are not followed."""

    def __init__(
        self, url: str, *, headers: Mapping[str, str] | None = None, timeout_s: float = 10.0
    ) -> None:
        """Set the address.

        Args:
            url: Such as `http://127.0.0.1:4318`; the default path is `/v1/metrics`.
            headers: HTTP headers; values are secrets and appear in no text.
            timeout_s: Timeout of each network operation.

        Raises:
            InputError: The address or a header is not valid.
        """
        self._url = _checked(url)
        self._headers = {**(headers or {}), "Content-Type": "application/json"}
        self._timeout_s = timeout_s
        for name, value in self._headers.items():
            if not name.isascii() or any(sign in name + value for sign in "\r\n\0"):
                raise InputError(
                    "a header for the collector has characters that HTTP does not allow"
                )

    @property
    def where(self) -> str:
        """The address, without secrets."""
        return f"{self._url.scheme}://{self._url.netloc}{self._path}"

    @property
    def _path(self) -> str:
        return self._url.path if self._url.path not in {"", "/"} else _PATH

    def send(self, body: Mapping[str, Any]) -> None:
        """Post one request.

        Raises:
            ExportError: It was not delivered, or partly rejected; the text says why.
        """
        status, answer = self._post(json.dumps(body, separators=(",", ":")).encode())
        if status != HTTPStatus.OK:
            hint = "; try again later" if status in _RETRYABLE else ""
            raise ExportError(f"{self.where} answered {status}: {_reason(answer)}{hint}")
        partial = answer.get("partialSuccess")
        if isinstance(partial, dict) and str(partial.get("rejectedDataPoints") or 0) != "0":
            said = _harmless(partial.get("errorMessage"))
            rejected = _harmless(partial["rejectedDataPoints"])
            raise ExportError(f"{self.where} rejected {rejected} data points: {said}")

    def _post(self, content: bytes) -> tuple[int, Mapping[str, Any]]:
        kind = (
            http.client.HTTPSConnection
            if self._url.scheme == "https"
            else http.client.HTTPConnection
        )
        connection = kind(self._url.hostname or "", self._url.port, timeout=self._timeout_s)
        try:
            connection.request("POST", self._path, body=content, headers=self._headers)
            response = connection.getresponse()
            return response.status, _answer(response.read(_MOST_ANSWER_BYTES))
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ExportError(
                f"cannot send metrics to the collector at {self.where}: {reason}"
            ) from error
        finally:
            connection.close()


_RETRYABLE = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}


def _checked(url: str) -> SplitResult:
    wanted = "use for example http://127.0.0.1:4318"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InputError(f"the collector's address is not valid: {wanted}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise InputError(f"the collector's address must start with http:// or https://: {wanted}")
    if parts.username is not None or parts.query or parts.fragment:
        raise InputError(
            f"the collector's address must not have a user, query or fragment: {wanted}"
        )
    return parts


def _answer(content: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _reason(answer: Mapping[str, Any]) -> str:
    return _harmless(answer.get("message")) or "no reason given"


def _harmless(said: object) -> str:
    text = "" if said is None else str(said)
    return "".join(sign if sign.isprintable() else " " for sign in text[:_LONGEST_REASON])
