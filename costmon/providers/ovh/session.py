"""Sign requests to OVHcloud, or send the access token of a service account.

Source: https://help.ovhcloud.com/csm/en-api-getting-started-ovhcloud-api (signature, OAuth2), and
OVHcloud's own client for Python.
"""

import base64
import hashlib
from typing import Annotated, TypeVar
from urllib.parse import urlencode, urlsplit

from msgspec import Meta, Struct

from costmon.errors import ProviderAuthError, ProviderError, ProviderPermissionError
from costmon.providers.base import ProviderSetup
from costmon.providers.ovh import TOKEN_PATH
from costmon.providers.reading import Answers

SLUG = "ovh"
TIME = "/auth/time"

_SIGNED_FOR = 20
"""Requests that are signed with one time of the vendor: it refuses one that is minutes old."""
_TOKEN_SITES = {
    "eu.api.ovh.com": "https://www.ovh.com",
    "ca.api.ovh.com": "https://ca.ovh.com",
    "api.us.ovhcloud.com": "https://us.ovhcloud.com",
}
_WRONG_KEYS = (b"INVALID_CREDENTIAL", b"INVALID_KEY", b"NOT_CREDENTIAL", b"INVALID_SIGNATURE")

Pairs = tuple[tuple[str, str], ...]
A = TypeVar("A")


class Token(Struct):
    """POST /auth/oauth2/token."""

    access_token: Annotated[str, Meta(pattern=r"^[!-~]+$")]


class Login:
    """The credentials of one account, and the clients that use them."""

    def __init__(self, setup: ProviderSetup) -> None:
        """Take both from `setup`; no request is made."""
        self.outbound = setup.outbound
        self.key = setup.credentials.get("application_key", "")
        self.secret = setup.credentials.get("application_secret", "")
        self.consumer = setup.credentials.get("consumer_key")
        self._tokens = None
        if self.consumer is None and setup.connect is not None:
            basic = base64.b64encode(f"{self.key}:{self.secret}".encode()).decode()
            headers = {
                "Authorization": f"Basic {basic}",
                "Content-Type": "application/x-www-form-urlencoded",
            }
            tokens = setup.connect(self._token_site(), headers)
            self._tokens = Answers(SLUG, tokens, _without_token)

    def token(self) -> str:
        """Return a new access token.

        Raises:
            ProviderAuthError: The client ID or the secret is wrong.
            ProviderError: It could not be fetched.
        """
        if self._tokens is None:
            msg = "an OAuth2 token needs `connect`"
            raise ValueError(msg)
        body = b"grant_type=client_credentials&scope=all"
        return self._tokens.post(TOKEN_PATH, body, Token).access_token

    def _token_site(self) -> str:
        parts = urlsplit(self.outbound.base_url)
        return _TOKEN_SITES.get(self.outbound.host, f"{parts.scheme}://{parts.netloc}")


class Session:
    """Reads for one poll: it has the vendor's time, or the access token."""

    def __init__(self, login: Login) -> None:
        """Begin without either."""
        self._login = login
        self.answers = Answers(SLUG, login.outbound, _explained)
        self._time = 0
        self._signed = 0
        self._token: str | None = None

    def read(self, path: str, answer: type[A], params: Pairs = ()) -> A:
        """Return one decoded answer.

        Raises:
            ProviderAuthError: The keys are wrong; OVHcloud says so with 400 and 403, too.
            ProviderError: Anything else; see `Answers.read`.
        """
        return self.answers.read(path, answer, params, self._headers(path, params))

    def _headers(self, path: str, params: Pairs) -> dict[str, str]:
        login = self._login
        if login.consumer is None:
            self._token = self._token or login.token()
            return {"Authorization": f"Bearer {self._token}"}
        if self._signed % _SIGNED_FOR == 0:
            self._time = self.answers.read(TIME, int)
        self._signed += 1
        url = login.outbound.base_url + path + ("?" + urlencode(params) if params else "")
        text = f"{login.secret}+{login.consumer}+GET+{url}++{self._time}"
        # The vendor's scheme; what protects the secret is that it is never sent.
        digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        return {"X-Ovh-Timestamp": str(self._time), "X-Ovh-Signature": f"$1${digest}"}


def _without_token(error: ProviderError) -> ProviderError:
    if error.status not in {400, 401}:
        return error
    return error.explained(
        ProviderAuthError,
        detail=f"the service account was refused ({error.status})",
        hint="check OVH_APPLICATION_KEY (client ID) and OVH_APPLICATION_SECRET; an "
        "application, which is not a service account, needs OVH_CONSUMER_KEY as well",
    )


def _explained(error: ProviderError) -> ProviderError:
    """Tell by the body what a refusal means: wrong keys are 400 or 403 as well."""
    if any(code in error.answer for code in _WRONG_KEYS):
        return error.explained(
            ProviderAuthError,
            detail=f"the keys were rejected ({error.status})",
            hint="check OVH_APPLICATION_KEY, OVH_APPLICATION_SECRET and OVH_CONSUMER_KEY; a "
            "consumer key must be validated on OVHcloud's page, and may have expired",
        )
    if isinstance(error, ProviderPermissionError):
        hint = "allow it for the consumer key, or in the policy of the service account"
        return error.explained(hint=f"{hint}; all scopes are on the page of this vendor")
    return error
