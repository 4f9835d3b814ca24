"""What a program has to find in its environment to be metered."""

from collections.abc import Mapping
from typing import Any

OPTIONS = "COSTMON_METER_OPTIONS"
"""The variable with the meter's options as JSON."""

PACKAGE = "COSTMON_METER_PACKAGE"
"""The variable with the folder of costmon's package; without it nothing is metered."""

PYTHONPATH = "PYTHONPATH"


def environment_of(
    environ: Mapping[str, str], *, package: str, options: Mapping[str, Any], separator: str = ":"
) -> dict[str, str]:
    """Return the environment of a program that is to be metered.

    Args:
        environ: What it would have had.
        package: The folder that costmon is in, such as `.../site-packages/costmon`.
        options: As the meter's own, JSON values only.
        separator: Between the entries of a path.
    """
    import json

    early = f"{package}/meter/launch/early"
    # An empty entry would mean the working directory, which was not there before.
    others = [entry for entry in environ.get(PYTHONPATH, "").split(separator) if entry]
    return {
        **environ,
        PYTHONPATH: separator.join([early, *(entry for entry in others if entry != early)]),
        PACKAGE: package,
        OPTIONS: json.dumps(options, separators=(",", ":")),
    }
