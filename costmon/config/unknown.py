"""Refuse unknown variables that look like ours: a typo must not be silently ignored."""

from collections.abc import Iterable, Mapping

from costmon.config.providers import Providers
from costmon.config.reader import Reader, did_you_mean
from costmon.config.variables import OWN_PREFIX


def refuse_unknown(
    read: Reader,
    environ: Mapping[str, str],
    providers: Providers,
    further_secrets: Iterable[str],
    tolerated: frozenset[str],
) -> None:
    """Note a fault for every name that must be a mistake; its value may be a secret.

    That is an unknown one that begins as only costmon's do, and one that is a slip away from a
    variable of costmon. Other programs may have `OPENAI_BASE_URL` in the same `.env`.
    """
    known = providers.known_names(further_secrets)
    reserved = providers.reserved_prefixes()
    for name in sorted(set(environ) - known - tolerated):
        nearest = known if name.startswith(reserved) else _one_slip_away(name, providers)
        if nearest:
            read.refuse_unknown(name, nearest, "variable")


def describe_tolerated(
    names: Iterable[str], providers: Providers, further_secrets: Iterable[str]
) -> tuple[str, ...]:
    """Return a warning for each unknown name of the environment that may be a typo of ours.

    Other programs own names such as `DO_NOT_TRACK`; without a near one of ours it is theirs.
    """
    known = providers.known_names(further_secrets)
    reserved = providers.reserved_prefixes()
    warnings = []
    for name in sorted(set(names) - known):
        nearest = known if name.startswith(reserved) else _one_slip_away(name, providers)
        near = did_you_mean(name, nearest)
        if near or name.startswith(OWN_PREFIX):
            warnings.append(
                f"{name} is set in the environment, but is not a variable of costmon{near}"
            )
    return tuple(warnings)


def _one_slip_away(name: str, providers: Providers) -> frozenset[str]:
    """Return the declared names that a name may be a slip of."""
    # Not those that the file's accounts name: they are often numbered, and differ on purpose.
    return frozenset(right for right in providers.known_names(()) if is_one_slip(name, right))


def is_one_slip(given: str, right: str) -> bool:
    """Tell whether one letter is missing, extra or another, or two neighbours are swapped."""
    if given == right or abs(len(given) - len(right)) > 1:
        return False
    start = 0
    while given[start : start + 1] == right[start : start + 1] != "":
        start += 1
    given, right = given[start:], right[start:]
    swapped = right[1:2] + right[:1] + right[2:]
    return given[1:] == right or given == right[1:] or given[1:] == right[1:] or given == swapped
