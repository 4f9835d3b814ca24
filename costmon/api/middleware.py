"""What every request passes before any view sees it, and what every answer carries.

Host, origin and token are checked, in this order. Without the token everybody on this machine may
read, ask for a refresh and report as a guard; whatever else changes something needs it, unless it
is listed here. This is a WSGI layer around the application, not
hooks inside it: so it also covers 404s, static files and errors, and the header objects of every
answer need not be changed again.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug.http import parse_cookie
from werkzeug.wrappers import Response

from costmon.api.context import ApiSettings
from costmon.api.hosts import HostCheck, spoken_scheme
from costmon.api.schemas.answers import Problem
from costmon.api.schemas.encoding import encode
from costmon.api.sessions import COOKIE, Sessions, same_secret

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SECURITY_HEADERS = (
    (
        "Content-Security-Policy",
        (
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
            "object-src 'none'"
        ),
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    # Not "no-referrer": with it browsers send `Origin: null` with our own forms (Chromium does, by
    # the Fetch standard), and those are refused below.
    ("Referrer-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)

OPEN_PATHS = frozenset({"/healthz", "/login"})
PAGES = frozenset({"/", "/alerts", "/guard", "/meter"})
OPEN_PREFIX = "/static/"
# What may be sent without the token where reading needs none. Everything else is a decision.
OPEN_WRITES = frozenset({"/refresh", "/api/v1/refresh", "/api/v1/guard/reports"})
AUTHOR = "costmon.author"
"""Where views find who was authenticated; the empty text for nobody."""

_FORMS = ("/alerts/", "/guard/")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SAME_SITE = frozenset({"", "same-origin", "none"})


class Middleware:
    """Refuse requests that are not for us or not allowed; add security headers to answers."""

    def __init__(
        self, app: "WSGIApplication", settings: ApiSettings, sessions: Sessions | None
    ) -> None:
        self._app = app
        self._token = settings.api_token.reveal()
        self._operator = settings.operator
        self._reading_needs_token = settings.reading_needs_token
        self._sessions = sessions
        self._trusted_proxies = settings.trusted_proxies
        self._hosts = HostCheck(settings.host, settings.allowed_hosts)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request."""

        def hardened(status, headers, exc_info=None, /):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - exactly the server's start_response
            return start_response(status, [*headers, *SECURITY_HEADERS], exc_info)

        scheme = spoken_scheme(
            environ.get("REMOTE_ADDR", ""),
            environ.get("HTTP_X_FORWARDED_PROTO", ""),
            self._trusted_proxies,
        )
        if scheme is not None:
            environ["wsgi.url_scheme"] = scheme
        refusal = self._refusal(environ)
        if refusal is not None:
            return refusal(environ, hardened)
        return self._app(environ, hardened)

    def _refusal(self, environ: "WSGIEnvironment") -> Response | None:
        host = environ.get("HTTP_HOST", "")
        if not self._hosts.accepts(host):
            return problem(
                421,
                "Misdirected request",
                "The Host header does not name this service; add the name to "
                "COSTMON_ALLOWED_HOSTS.",
            )
        if environ["REQUEST_METHOD"] not in _SAFE_METHODS and not _same_origin(environ, host):
            return problem(403, "Forbidden", "Requests from another site's pages are not allowed.")
        knows_token = self._has_token(environ) or self._has_session(environ, host)
        environ[AUTHOR] = self._operator if knows_token else ""
        if not knows_token and self._needs_token(environ):
            return _unauthorized(environ)
        return None

    def _needs_token(self, environ: "WSGIEnvironment") -> bool:
        path = environ.get("PATH_INFO", "")
        if path in OPEN_PATHS or path.startswith(OPEN_PREFIX):
            return False
        if self._reading_needs_token:
            return True
        return environ["REQUEST_METHOD"] not in _SAFE_METHODS and path not in OPEN_WRITES

    def _has_token(self, environ: "WSGIEnvironment") -> bool:
        scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        # WSGI hands over the header's bytes as Latin-1.
        sent = given.strip().encode("latin-1", "replace").decode("utf-8", "replace")
        return scheme.lower() == "bearer" and same_secret(sent, self._token)

    def _has_session(self, environ: "WSGIEnvironment", host: str) -> bool:
        cookie = parse_cookie(environ).get(COOKIE)
        if cookie is None or self._sessions is None or not self._sessions.valid(cookie):
            return False
        # A cookie is sent by the browser, whoever asks: what changes something must also say that
        # it comes from a page of ours. Every browser does.
        return environ["REQUEST_METHOD"] in _SAFE_METHODS or _from_own_page(environ, host)


def problem(status: int, error: str, message: str) -> Response:
    """Return an error as JSON."""
    response = Response(
        encode(Problem(error=error, message=message)), status, content_type="application/json"
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _same_origin(environ: "WSGIEnvironment", host: str) -> bool:
    """Return whether a browser says that our own page asks, or no browser is speaking."""
    if environ.get("HTTP_SEC_FETCH_SITE", "").lower() not in _SAME_SITE:
        return False
    origin = environ.get("HTTP_ORIGIN")
    return origin is None or _netloc(origin) == host.lower()


def _from_own_page(environ: "WSGIEnvironment", host: str) -> bool:
    """Return whether a browser says that our own page asks."""
    source = environ.get("HTTP_ORIGIN", environ.get("HTTP_REFERER"))
    if source is None:
        return bool(environ.get("HTTP_SEC_FETCH_SITE", "").lower() == "same-origin")
    return _netloc(source) == host.lower()


def _netloc(url: str) -> str | None:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return None


def _unauthorized(environ: "WSGIEnvironment") -> Response:
    accepts_pages = "text/html" in environ.get("HTTP_ACCEPT", "")
    path = environ.get("PATH_INFO", "")
    is_form = environ["REQUEST_METHOD"] == "POST" and path.startswith(_FORMS)
    if accepts_pages and (path in PAGES or is_form):
        return Response(status=303, headers={"Location": "/login", "Cache-Control": "no-store"})
    refusal = problem(
        401,
        "Unauthorized",
        "Send the header 'Authorization: Bearer TOKEN'. The token is COSTMON_API_TOKEN or, where "
        "that is not set, in the file api-token of the service's state directory. `costmon login` "
        "signs a browser in.",
    )
    refusal.headers["WWW-Authenticate"] = 'Bearer realm="costmon"'
    return refusal
