"""Refuse names that look like ours and are not: a typo must not be silently ignored."""

from collections.abc import Iterable, Mapping

from costmon.config import variables as var
from costmon.config.reader import Reader, did_you_mean


def known_names(token_variables: Iterable[str]) -> frozenset[str]:
    """Return every name that means something, `<secret>_FILE` included."""
    secrets = {variable.name for variable in var.VARIABLES if variable.secret}
    secrets.update(token_variables)
    return frozenset(
        {variable.name for variable in var.VARIABLES}
        | secrets
        | {name + var.FILE_SUFFIX for name in secrets}
    )


def refuse_unknown(
    read: Reader,
    environ: Mapping[str, str],
    token_variables: Iterable[str],
    tolerated: frozenset[str],
) -> None:
    """Note a fault for every unknown `COSTMON_` or `DO_` name; its value may be a secret."""
    known = known_names(token_variables)
    for name in sorted(environ):
        if name.startswith(var.PREFIXES) and name not in known and name not in tolerated:
            read.refuse_unknown(name, "...", known, "variable")


def describe_tolerated(names: Iterable[str], token_variables: Iterable[str]) -> tuple[str, ...]:
    """Return a warning for each unknown name of the environment that may be a typo of ours.

    Other programs own names such as `DO_NOT_TRACK`; without a near one of ours it is theirs.
    """
    known = known_names(token_variables)
    warnings = []
    for name in sorted(set(names) - known):
        near = did_you_mean(name, known)
        if near or name.startswith("COSTMON_"):
            warnings.append(f"{name} in the environment is not a variable of costmon{near}")
    return tuple(warnings)
