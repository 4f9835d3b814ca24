"""Start measuring inside a program, before its own code runs."""

import functools
import os
from collections.abc import Mapping
from typing import Any

from costmon.meter.launch.environment import OPTIONS
from costmon.meter.launch.frameworks import follow
from costmon.meter.launch.imports import ImportWatch


def begin() -> None:
    """Watch for imports of web frameworks, and measure their applications.

    In a program without a web framework this costs one check per import.
    """
    watch = ImportWatch()
    follow(watch, _given)
    watch.install()


@functools.cache
def _given() -> Mapping[str, Any]:
    import json

    given: dict[str, Any] = json.loads(os.environ.get(OPTIONS, "{}"))  # noqa: TID251 - set by `costmon meter run`
    return given
