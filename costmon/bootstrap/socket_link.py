"""Link the place where metered applications look to the socket of this service.

An application knows nothing of the service's state directory; without a setting it looks at
`$XDG_RUNTIME_DIR/costmon/report.sock`. There a link is left, so that service and applications of
one user find each other by themselves.
"""

import contextlib
import socket
from pathlib import Path

import structlog

from costmon.config.api_token import TOKEN_FILE, token_link

_PLACE = Path("costmon", "report.sock")
_log = structlog.get_logger()


class SocketLink:
    """A link for as long as the service runs; another service's that still answers is left."""

    def __init__(self, runtime_dir: Path, target: Path) -> None:
        """Prepare.

        Args:
            runtime_dir: The user's own folder for what lives as long as the session.
            target: The socket that is listened at.
        """
        self._link = runtime_dir / _PLACE
        self._target = target.absolute()

    def put(self) -> None:
        """Make the link; a failure is logged, since applications can still be told the way."""
        if self._link == self._target:
            return
        try:
            self._link.parent.mkdir(mode=0o700, exist_ok=True)
            if self._link.is_symlink() or self._link.is_socket():
                if _answers(self._link):
                    _log.info("bootstrap.socket_link_exists", path=str(self._link))
                    return
                self._link.unlink()
            self._link.symlink_to(self._target)
        except OSError as error:
            cause = error.strerror or str(error)
            _log.warning("bootstrap.socket_link_failed", path=str(self._link), error=cause)

    def remove(self) -> None:
        """Remove the link, unless it is another service's."""
        with contextlib.suppress(OSError):
            if self._link.is_symlink() and self._link.readlink() == self._target:
                self._link.unlink()


class TokenLink:
    """A link by which commands of this user find the token of the service on a port."""

    def __init__(self, runtime_dir: Path, state_dir: Path, port: int) -> None:
        self._link = token_link(runtime_dir, port)
        self._target = (state_dir / TOKEN_FILE).absolute()

    def put(self) -> None:
        """Make the link; the port is ours, so a link that exists is left from before."""
        try:
            self._link.parent.mkdir(mode=0o700, exist_ok=True)
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self._target)
        except OSError as error:
            cause = error.strerror or str(error)
            _log.warning("bootstrap.token_link_failed", path=str(self._link), error=cause)

    def remove(self) -> None:
        """Remove the link, unless it is another service's."""
        with contextlib.suppress(OSError):
            if self._link.readlink() == self._target:
                self._link.unlink()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(str(path)) == 0
