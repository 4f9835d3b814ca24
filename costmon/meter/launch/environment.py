"""The environment variables with which a program is measured."""

from collections.abc import Mapping
from typing import Any

OPTIONS = "COSTMON_METER_OPTIONS"
"""The variable with the meter's options as JSON."""

PACKAGE = "COSTMON_METER_PACKAGE"
"""The variable with the folder of costmon's package; without it nothing is measured."""

PYTHONPATH = "PYTHONPATH"


def environment_of(
    environ: Mapping[str, str], *, package: str, options: Mapping[str, Any], separator: str = ":"
) -> dict[str, str]:
    """Return the environment of a program to be measured.

    Args:
        environ: The original environment.
        package: The folder of the package, such as `.../site-packages/costmon`.
        options: The meter's options; JSON values only.
        separator: Separator of the entries of a path.
    """
    import json

    early = f"{package}/meter/launch/early"
    # An empty entry would add the working directory.
    others = [entry for entry in environ.get(PYTHONPATH, "").split(separator) if entry]
    return {
        **environ,
        PYTHONPATH: separator.join([early, *(entry for entry in others if entry != early)]),
        PACKAGE: package,
        OPTIONS: json.dumps(options, separators=(",", ":")),
    }
