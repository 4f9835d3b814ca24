"""Write the log: one JSON object a line, or pretty on a terminal; never a secret.

Everything ends here, also what libraries log and what Python warns about. Before a line is rendered
every known secret in it is masked, wherever it stands: in a value, a nested value, a traceback.
"""

import datetime as dt
import logging
import math
import re
import shutil
import sys
import threading
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Literal, TextIO
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LogFormat = Literal["auto", "json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]

MASK = "<SECRET>"
_SECRET_KEY = re.compile(
    r"(?:^|[_.-])(?:token|secret|password|passwd|api_?key|authorization|credentials?|cookie)$",
    re.IGNORECASE,
)
# What gives a credential away by its looks, even one that no setting names.
_SECRET_LOOKS = re.compile(
    r"(?P<scheme>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}"
    r"|\bdo[opr]_v1_[0-9a-f]{16,}"
    r"|(?P<url>\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s/@]+(?=@)",
    re.IGNORECASE,
)
# C0 but for newline and tab, DEL, C1, and what turns the direction of writing or breaks a line.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_CONTROL_OR_BREAK = re.compile(f"[\t\n]|{_CONTROL.pattern}")
_CLEAR_LINE = "\r\x1b[2K"
_DEEPEST = 8
# Masking every "a" of a password "a" would leave no log to read.
_SHORTEST = 4


def configure(
    *,
    level: LogLevel,
    form: LogFormat,
    secrets: Iterable[str] = (),
    labels: Mapping[str, object] = MappingProxyType({}),
    stream: TextIO | None = None,
) -> "Output":
    """Send all logging of this process to one stream.

    Args:
        level: The least severe level that is written.
        form: `auto` looks whether the stream is a terminal.
        secrets: Texts that must not be shown.
        labels: Facts that every line carries, such as that this is a demo.
        stream: Where to; `None` is stderr.

    Returns:
        What writes it.
    """
    output = Output(stream or sys.stderr)
    pretty = form == "console" or (form == "auto" and output.is_terminal)
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        lambda _logger, _method, event: {**labels, **event},
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        Redaction(secrets),
    ]
    if pretty:
        # The plain formatter: rich's would show local variables, and tokens among them.
        renderer = structlog.dev.ConsoleRenderer(
            colors=output.is_terminal, exception_formatter=structlog.dev.plain_traceback
        )
        processors += [escape_controls, renderer]
    else:
        processors.append(structlog.processors.JSONRenderer())
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=output.logger,
        cache_logger_on_first_use=False,
    )
    _adopt_libraries(level)
    return output


class Redaction:
    """Masks secrets in an event: known ones anywhere, and whatever a telling key holds."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {
            form for secret in secrets if len(secret) >= _SHORTEST for form in _spellings(secret)
        }
        # The longest first: one secret may begin like another.
        ordered = sorted(spellings, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Return the event with masks in it, as plain values that render themselves."""
        return {self.text(str(key)): self._value(key, value) for key, value in event.items()}

    def text(self, text: str) -> str:
        """Return a text with masks in it."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _SECRET_LOOKS.sub(
            lambda match: f"{match['scheme'] or match['url'] or ''}{MASK}", text
        )

    def _value(self, key: object, value: object, depth: int = 0) -> object:
        if value is None or isinstance(value, bool | int | float):
            return _number(value)
        if isinstance(key, str) and _SECRET_KEY.search(key):
            return MASK
        if depth < _DEEPEST and isinstance(value, Mapping):
            return {
                self.text(str(name)): self._value(name, item, depth + 1)
                for name, item in value.items()
            }
        if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
            return [self._value(None, item, depth + 1) for item in value]
        return self.text(_as_text(value))


def escape_controls(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape control characters and line breaks, except those of tracebacks."""
    return {
        str(_escape(key, breaks=True)): _escape(value, breaks=key not in {"exception", "stack"})
        for key, value in event.items()
    }


def _escape(value: object, *, breaks: bool) -> object:
    if isinstance(value, str):
        pattern = _CONTROL_OR_BREAK if breaks else _CONTROL
        return pattern.sub(lambda match: match[0].encode("unicode_escape").decode(), value)
    if isinstance(value, dict):
        return {
            _escape(key, breaks=True): _escape(item, breaks=True) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_escape(item, breaks=True) for item in value]
    return value


def _number(value: float | None) -> float | str | None:
    """Return a number as it is, unless JSON has no word for it."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    return repr(value)


def _spellings(secret: str) -> Iterable[str]:
    """Return a secret as it may stand in a text: plain, in a URL, in a repr."""
    return (secret, quote(secret, safe=""), repr(secret)[1:-1])


class Output:
    """Writes lines to a stream and outlives it.

    A service must not fail because nobody reads its log: what cannot be written is counted, and
    the next line that can be says how many were lost.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._status = ""
        self.lost = 0

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at it."""
        return self._stream.isatty()

    def logger(self, *_args: object) -> "Output":
        """Return itself as structlog's innermost logger."""
        return self

    def msg(self, line: str) -> None:
        """Write one line."""
        with self._lock:
            note = f"(costmon: {self.lost} log lines could not be written)\n" if self.lost else ""
            before = _CLEAR_LINE if self._status else ""
            self.lost = 0 if self._write(f"{before}{note}{line}\n{self._status}") else self.lost + 1

    def show_status(self, text: str) -> None:
        """Keep one line below the log of a terminal; an empty one takes it away."""
        if not self.is_terminal:
            return
        shown = text[: shutil.get_terminal_size().columns - 1]
        with self._lock:
            if shown != self._status:
                self._status = shown
                self._write(f"{_CLEAR_LINE}{shown}")

    def _write(self, text: str) -> bool:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # a full disk, a closed pipe; a closed stream
            return False
        return True

    debug = info = warning = error = critical = exception = log = msg


class _Adopted(logging.Handler):
    """Passes what libraries log on to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record under its own name."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # the library's arguments do not fit its own template
            text = str(record.msg)
        structlog.get_logger().log(
            record.levelno,
            "library.logged",
            logger=record.name,
            message=text,
            exc_info=record.exc_info,
        )


def _adopt_libraries(level: LogLevel) -> None:
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, _Adopted):
            root.removeHandler(handler)
    root.addHandler(_Adopted())
    # At debug libraries would drown us, and some log request headers.
    root.setLevel(max(logging.getLevelNamesMapping()[level.upper()], logging.WARNING))
    logging.captureWarnings(capture=True)
