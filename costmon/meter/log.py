"""The meter's logger: `costmon.meter` of the standard library.

A library uses the logging that its host program has configured, and adds no handlers.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

NAME = "costmon.meter"


def log() -> "Logger":
    """Return the logger `costmon.meter`; the first call imports logging."""
    import logging

    return logging.getLogger(NAME)  # noqa: TID251 - a library must not require or configure structlog
