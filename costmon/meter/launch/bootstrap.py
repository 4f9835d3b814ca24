"""What runs inside the program that is metered, before the program does."""

import functools
import os
from collections.abc import Mapping
from typing import Any

from costmon.meter.launch.environment import OPTIONS
from costmon.meter.launch.frameworks import follow
from costmon.meter.launch.imports import ImportWatch


def begin() -> None:
    """Watch for frameworks, and meter the applications they make as the environment says.

    Costs nothing but a look at each import in a program that has no web framework.
    """
    watch = ImportWatch()
    follow(watch, _given)
    watch.install()


@functools.cache
def _given() -> Mapping[str, Any]:
    import json

    given: dict[str, Any] = json.loads(os.environ.get(OPTIONS, "{}"))  # noqa: TID251 - how the launcher reaches us
    return given
