"""Guard all client libraries of this program.

```python
installation = install(guard)     # or guard.install()
...
installation.uninstall()
```

This covers urllib3 and what uses it (requests, botocore, boto3), httpx, httpx2 and the SDKs that
use them, and aiohttp, as far as they are installed, including clients that already exist. A request
that a guarded client counts is not counted again.
"""

import threading
from collections.abc import Callable
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from costmon.errors import InputError
from costmon.guard.clients.costing import Costing
from costmon.guard.clients.gatekeeper import Gatekeeper

if TYPE_CHECKING:
    from costmon.guard.clients.httpx_wire import HttpxWire

LIBRARIES = ("urllib3", "botocore", "httpx", "httpx2", "aiohttp")

_LOCK = threading.RLock()
_INSTALLED: "list[Installation]" = []
"""At most one: each library has only one class to change."""


class Installation:
    """A guard of all client libraries, until it is uninstalled.

    Attributes:
        guard: The guard.
        libraries: The names of the guarded libraries.
    """

    def __init__(self, guard: Gatekeeper, costing: Costing) -> None:
        self.guard = guard
        self.libraries = tuple(name for name in LIBRARIES if find_spec(name) is not None)
        self._undo: list[Callable[[], None]] = []
        for name in self.libraries:
            _PATCHES[name](self, guard, costing)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.uninstall()

    def replace(self, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        """Replace a method of a class by `wrap` of it, until it is uninstalled."""
        original = owner.__dict__[name]
        setattr(owner, name, wrap(original))
        self._undo.append(lambda: setattr(owner, name, original))

    def uninstall(self) -> None:
        """Restore the libraries; calling it again changes nothing."""
        with _LOCK:
            while self._undo:
                self._undo.pop()()
            if self in _INSTALLED:
                _INSTALLED.remove(self)


def install(guard: Gatekeeper, costing: Costing | None = None) -> Installation:
    """Guard all client libraries; installing the same guard again changes nothing.

    Raises:
        InputError: Another guard is installed; uninstall it first.
    """
    with _LOCK:
        for installed in _INSTALLED:
            if installed.guard is guard:
                return installed
            raise InputError("another guard is installed: uninstall it first")
        installation = Installation(guard, costing or Costing())
        _INSTALLED.append(installation)
        return installation


def _patch_urllib3(installation: Installation, guard: Gatekeeper, costing: Costing) -> None:
    from urllib3.connectionpool import (
        HTTPConnectionPool,
        HTTPSConnectionPool,
    )

    from costmon.guard.urllib3 import defer_tunnel, guarded_request

    def request(original: Any) -> Any:
        def _make_request(self: Any, conn: Any, method: str, url: str, **options: Any) -> Any:
            def send(*args: Any, **named: Any) -> Any:
                return original(self, *args, **named)

            return guarded_request(guard, costing, self, conn, method, url, options, send)

        return _make_request

    def prepare(original: Any) -> Any:
        def _prepare_proxy(self: Any, conn: Any) -> None:
            defer_tunnel(self, conn, lambda one: original(self, one))

        return _prepare_proxy

    installation.replace(HTTPConnectionPool, "_make_request", request)
    installation.replace(HTTPConnectionPool, "_prepare_proxy", prepare)
    installation.replace(HTTPSConnectionPool, "_prepare_proxy", prepare)


def _patch_botocore(installation: Installation, _: Gatekeeper, __: Costing) -> None:
    from botocore.exceptions import (
        HTTPClientError,
    )
    from botocore.httpsession import (
        URLLib3Session,
    )

    from costmon.guard.botocore import unwrap

    def sending(original: Any) -> Any:
        def send(self: Any, request: Any) -> Any:
            try:
                return original(self, request)
            except HTTPClientError as error:
                raise unwrap(error) from None

        return send

    installation.replace(URLLib3Session, "send", sending)


def _patch_httpx(installation: Installation, guard: Gatekeeper, costing: Costing) -> None:
    import httpx

    from costmon.guard.httpx import WIRE

    _patch_transports(installation, httpx, WIRE, guard, costing)


def _patch_httpx2(installation: Installation, guard: Gatekeeper, costing: Costing) -> None:
    import httpx2

    from costmon.guard.httpx2 import WIRE

    _patch_transports(installation, httpx2, WIRE, guard, costing)


def _patch_transports(
    installation: Installation,
    library: Any,
    wire: "HttpxWire",
    guard: Gatekeeper,
    costing: Costing,
) -> None:
    def sync(original: Any) -> Any:
        def handle_request(self: Any, request: Any) -> Any:
            return wire.send(guard, costing, request, lambda one: original(self, one))

        return handle_request

    def asynchronous(original: Any) -> Any:
        async def handle_async_request(self: Any, request: Any) -> Any:
            return await wire.send_async(guard, costing, request, lambda one: original(self, one))

        return handle_async_request

    installation.replace(library.HTTPTransport, "handle_request", sync)
    installation.replace(library.AsyncHTTPTransport, "handle_async_request", asynchronous)


def _patch_aiohttp(installation: Installation, guard: Gatekeeper, costing: Costing) -> None:
    import aiohttp

    from costmon.guard.aiohttp import guard_middleware

    last = guard_middleware(guard, costing)

    def requesting(original: Any) -> Any:
        async def _request(self: Any, *args: Any, **named: Any) -> Any:
            given = named.get("middlewares")
            chain = self._middlewares if given is None else given
            named["middlewares"] = (*chain, last)
            return await original(self, *args, **named)

        return _request

    installation.replace(aiohttp.ClientSession, "_request", requesting)


_PATCHES: dict[str, Callable[[Installation, Gatekeeper, Costing], None]] = {
    "urllib3": _patch_urllib3,
    "botocore": _patch_botocore,
    "httpx": _patch_httpx,
    "httpx2": _patch_httpx2,
    "aiohttp": _patch_aiohttp,
}
