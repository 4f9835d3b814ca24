"""Address and token of a costmon service, checked before anything is sent."""

from typing import Literal

from costmon.errors import InputError

Scheme = Literal["http", "https", "unix"]

_PATH_BYTES = 107
"""The longest path in `struct sockaddr_un`."""

_PORTS = {"http": 80, "https": 443}
_TOKEN_CHARACTERS = 4096


class Address:
    """Address of a service; neither its text nor its repr shows the token.

    Attributes:
        scheme: `http`, `https` or `unix`.
        host: Name or address; empty for `unix`.
        port: 0 for `unix`.
        path: Of the socket, or the prefix before `/api` in every URL (of a proxy).
        token: Sent as a bearer token; `None`: none is sent. Never sent over a Unix socket, which is
            protected by its permissions.
    """

    __slots__ = ("host", "path", "port", "scheme", "token")

    def __init__(self, scheme: Scheme, host: str, port: int, path: str, token: str | None) -> None:
        self.scheme: Scheme = scheme
        self.host = host
        self.port = port
        self.path = path
        self.token = token

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    def __repr__(self) -> str:
        return f"<Address {self}>"


def address_of(service: object, token: object = None) -> Address:
    """Parse the address `http://127.0.0.1:8090`, `https://...` or `unix:/path`.

    Raises:
        InputError: It is not a valid address, has user information, a query or a fragment, or the
            token would be sent unencrypted to another machine. The text contains no secret.
    """
    secret = _token_of(token)
    if not isinstance(service, str) or not service.isprintable() or not service.isascii():
        raise InputError("service is not an address: use 'http://127.0.0.1:8090' or 'unix:/path'")
    if service.startswith("unix:"):
        return _socket(service.removeprefix("unix:"))
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(service)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InputError("the service's URL has no usable host and port") from None
    scheme: Scheme = "https" if parts.scheme == "https" else "http"
    if parts.scheme not in _PORTS or not host or " " in service:
        raise InputError("the service must be an http or https URL with a host, or 'unix:/path'")
    if "@" in parts.netloc:
        raise InputError("the service's URL must not hold a password: give token=... instead")
    if parts.query or parts.fragment or "?" in service or "#" in service:
        raise InputError(
            f"the service's URL must end after its path: {scheme}://{host}{parts.path}"
        )
    if secret is not None and scheme == "http" and not is_loopback(host):
        raise InputError(
            f"the token would be sent unencrypted to {host}: use https, or a service on this"
            " machine (127.0.0.1, ::1, localhost, unix:/path)"
        )
    return Address(scheme, host, port or _PORTS[scheme], parts.path.rstrip("/"), secret)


def is_loopback(host: str) -> bool:
    """Return whether a host is certainly this machine, without a DNS look-up."""
    from ipaddress import ip_address

    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _socket(path: str) -> Address:
    if not path.startswith("/") or len(path) > _PATH_BYTES:
        raise InputError(
            f"unix:{path}: give the socket's absolute path, at most {_PATH_BYTES} characters long"
        )
    return Address("unix", "", 0, path, None)


def _token_of(token: object) -> str | None:
    if token is None or token == "":
        return None
    if (
        not isinstance(token, str)
        or not token.isascii()
        or not token.isprintable()
        or " " in token
        or len(token) > _TOKEN_CHARACTERS
    ):
        raise InputError("the service's token must be one line of ASCII characters without spaces")
    return token
