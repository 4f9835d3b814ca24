"""The one logger of the guard: the standard library's, named `costmon.guard`.

A library uses the logging that its host program has configured, and adds no handler of its own.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

NAME = "costmon.guard"


def log() -> "Logger":
    """Return the logger `costmon.guard`; the first call imports logging."""
    import logging

    return logging.getLogger(NAME)  # noqa: TID251 - a library has no structlog, and must not set one up
