"""Ask a running service over its console socket."""

import contextlib
import socket
from pathlib import Path

from costmon.clock import Clock
from costmon.console.command import Answer, Message
from costmon.console.line import LineError, read_line
from costmon.console.protocol import decode_answer, encode_request
from costmon.errors import ConsoleUnavailableError

_LONGEST_ANSWER = 4 << 20


class ConsoleClient:
    """Asks one message at a time; each uses a connection of its own, so a restart is survived."""

    def __init__(self, path: Path, *, clock: Clock, timeout_s: float = 15.0) -> None:
        """Remember where the service's socket is; nothing is opened yet.

        Args:
            path: The socket in the service's state directory.
            clock: Measures the wait.
            timeout_s: Seconds to wait for an answer; longer than the service waits for its own
                supervisor, so that its reason arrives.
        """
        self._path = path
        self._clock = clock
        self._timeout_s = timeout_s

    def ask(self, message: Message) -> Answer:
        """Return the supervisor's answer to `message`.

        Raises:
            ConsoleRequestError: It is not a console message, or the service refused it.
            ConsoleUnavailableError: No service listens there, or it does not answer in time.
        """
        request = encode_request(message)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self._timeout_s)
            try:
                connection.connect(str(self._path))
            except OSError as error:
                detail = (
                    f"cannot connect to the service at {self._path}: {error.strerror or error}; "
                    "start it with `costmon run`, or set COSTMON_STATE_DIR to its state directory"
                )
                raise ConsoleUnavailableError(detail) from error
            line = self._exchange(connection, request)
        return decode_answer(message, line)

    def _exchange(self, connection: socket.socket, request: bytes) -> bytes:
        # A service that refuses us hangs up without reading; its reason is still to be read.
        with contextlib.suppress(OSError):
            connection.sendall(request)
        try:
            return read_line(
                connection, limit=_LONGEST_ANSWER, timeout_s=self._timeout_s, clock=self._clock
            )
        except LineError as error:
            detail = f"the service at {self._path} did not answer: {error}"
            raise ConsoleUnavailableError(detail) from error
