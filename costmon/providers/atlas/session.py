"""Ask MongoDB Atlas, signed in by digest (an API key) or by OAuth2 (a service account).

Source: https://www.mongodb.com/docs/atlas/api/api-authentication/
"""

import base64
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Annotated, Generic, TypeVar
from urllib.error import URLError
from urllib.parse import urlencode

from msgspec import Meta, Struct

from costmon.errors import ProviderAuthError, ProviderError, ProviderPermissionError
from costmon.outbound import Outbound, Params
from costmon.providers.reading import Answers

SLUG = "atlas"
API = "/api/atlas/v2"
ORGS = f"{API}/orgs"
SIGN_IN = "/api/oauth/token"
_VERSION = "application/vnd.atlas.2023-01-01+json"
_SERVICE_ACCOUNT = "mdb_sa_id_"
_PAGE_SIZE = 500
_MOST_PAGES = 100

A = TypeVar("A")
R = TypeVar("R")


class Page(Struct, Generic[R], rename="camel"):
    """One page of a listing."""

    results: list[R]
    total_count: Annotated[int, Meta(ge=0)] | None = None


class Identified(Struct):
    """An organization or a project."""

    id: Annotated[str, Meta(pattern="^[0-9a-f]{24}$")]
    name: str = ""


class _Token(Struct):
    access_token: Annotated[str, Meta(pattern="^[!-~]+$")]


class Session(Answers):
    """The API during one read: what was negotiated is forgotten with it."""

    def __init__(self, outbound: Outbound, credentials: Mapping[str, str]) -> None:
        """Sign in when the first request is refused, or needs a token."""
        super().__init__(SLUG, outbound)
        self._user, self._password = credentials["public_key"], credentials["private_key"]
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, f"http://{SLUG}", self._user, self._password)
        self._digest = urllib.request.AbstractDigestAuthHandler(passwords)
        self._challenge: Mapping[str, str] = {}
        self._token = ""

    def read(
        self,
        path: str,
        answer: type[A],
        params: Params = (),
        headers: Mapping[str, str] | None = None,
    ) -> A:
        """Return one decoded answer.

        Raises:
            ProviderPermissionError: The key lacks a role, or this address is not on its list.
            ProviderError: Anything else; see `costmon.errors`.
        """
        try:
            return self._signed(path, answer, params, headers or {})
        except (ProviderAuthError, ProviderPermissionError) as error:
            refusal = _classified(error)
        raise refusal

    def listed(self, path: str, row: type[R], params: Params = ()) -> Iterator[tuple[str, R]]:
        """Return each item of a whole listing with its place.

        Raises:
            ProviderSchemaError: The pages do not have as many items as they say.
            ProviderError: As `read`.
        """
        found = 0
        for number in range(1, _MOST_PAGES + 1):
            asked = {**dict(params), "itemsPerPage": _PAGE_SIZE, "pageNum": number}
            page = self.read(path, Page[row], asked)  # type: ignore[valid-type]  # read at run time
            for position, item in enumerate(page.results):
                yield f"$.results[{position}]", item
            found += len(page.results)
            if page.total_count is not None and found >= page.total_count:
                return
            if len(page.results) < _PAGE_SIZE:
                if page.total_count is not None:
                    detail = f"incomplete: {found} of {page.total_count} items"
                    raise self.fault(path, detail, "$.totalCount")
                return
        raise self.fault(path, f"incomplete: more than {_MOST_PAGES} pages", "$.results")

    def organization(self) -> str:
        """Return the only organization that the key may see.

        Raises:
            ProviderPermissionError: It sees none, or several.
            ProviderError: As `read`.
        """
        found = [one.id for _, one in self.listed(ORGS, Identified)]
        if len(found) != 1:
            raise ProviderPermissionError(
                provider=SLUG,
                endpoint=f"GET {ORGS}",
                detail=f"the key sees {len(found)} organizations",
                hint="set ATLAS_ORG_ID, or org_id of the [[account]], to the one to read",
            )
        return found[0]

    def _signed(self, path: str, answer: type[A], params: Params, headers: Mapping[str, str]) -> A:
        headers = {"Accept": _VERSION, **headers}
        if self._user.startswith(_SERVICE_ACCOUNT):
            signed = {**headers, "Authorization": f"Bearer {self._bearer()}"}
            return super().read(path, answer, params, signed)
        for answered in (False, True):
            try:
                return super().read(path, answer, params, {**headers, **self._sign(path, params)})
            except ProviderAuthError as error:
                challenge = _parsed(error.challenge)
                # A nonce that was used before may have expired; a fresh one is refused only once.
                if answered or not challenge or (self._challenge and not _is_stale(challenge)):
                    raise
            self._challenge = challenge
        raise AssertionError  # pragma: no cover - the second attempt returns or raises

    def _sign(self, path: str, params: Params) -> Mapping[str, str]:
        """Return the answer to the challenge; nothing until there is one."""
        if not self._challenge:
            return {}
        pairs = tuple(params.items()) if isinstance(params, Mapping) else params
        target = f"{path}?{urlencode(pairs)}" if pairs else path
        request = urllib.request.Request(f"http://{SLUG}{target}")
        try:
            response = self._digest.get_authorization(request, self._challenge)
        except (ValueError, URLError):
            response = None
        if not response or not response.isascii() or not response.isprintable():
            raise self.fault(path, "a challenge that is not HTTP digest with MD5 or SHA-1")
        return {"Authorization": f"Digest {response}"}

    def _bearer(self) -> str:
        """Return the access token, which is good for an hour; a read takes minutes."""
        if not self._token:
            basic = base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
            headers = {
                "Authorization": f"Basic {basic}",
                "Content-Type": "application/x-www-form-urlencoded",
            }
            body = b"grant_type=client_credentials"
            self._token = self.post(SIGN_IN, body, _Token, headers).access_token
        return self._token


def _parsed(challenge: str) -> Mapping[str, str]:
    """Return the parameters of a digest challenge; none when it is another one."""
    scheme, _, rest = challenge.partition(" ")
    if scheme.lower() != "digest":
        return {}
    items = (item for item in urllib.request.parse_http_list(rest) if "=" in item)
    return urllib.request.parse_keqv_list(list(items))


def _is_stale(challenge: Mapping[str, str]) -> bool:
    return challenge.get("stale", "").lower() == "true"


def _classified(error: ProviderError) -> ProviderError:
    """Tell by the body what a refusal means: a missing role is 401 for some and 403 for others."""
    if b"ACCESS_LIST" in error.answer:
        return error.explained(
            ProviderPermissionError,
            detail=f"this machine's address is not on the key's access list ({error.status})",
            hint="add the address to the API access list of the key in Atlas",
        )
    if isinstance(error, ProviderPermissionError) or b"USER_UNAUTHORIZED" in error.answer:
        return error.explained(
            ProviderPermissionError,
            detail=f"the key lacks a role ({error.status})" if error.status else None,
            hint="give it Organization Billing Viewer for invoices, and Organization Read Only for "
            "operations",
        )
    return error.explained(
        hint="check ATLAS_PUBLIC_KEY and ATLAS_PRIVATE_KEY: both of one API key, or the client id "
        "and secret of one service account"
    )
