"""Find the packages that bring a provider of their own: entry points of `costmon.providers`."""

import functools
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

GROUP = "costmon.providers"


class ProviderPackage(NamedTuple):
    """An installed package that names a provider's module.

    Attributes:
        slug: The name of its entry point, which is the vendor's slug.
        package: The package and its version, such as `costmon-acme 1.2`.
        load_entry: Imports the module.
    """

    slug: str
    package: str
    load_entry: Callable[[], Any]

    def load(self) -> Any:  # noqa: ANN401 - the caller checks it
        """Import the module and return it.

        Raises:
            ImportError: It cannot be imported, for whatever reason.
        """
        try:
            return self.load_entry()
        except (Exception, SystemExit) as error:
            msg = f"it cannot be imported: {type(error).__name__}: {error}"
            raise ImportError(msg) from error


def provider_packages() -> tuple[ProviderPackage, ...]:
    """Return the packages in alphabetical order; nothing of them is imported."""
    return _found(tuple(sys.path))


@functools.lru_cache(maxsize=1)
def _found(_path: tuple[str, ...]) -> tuple[ProviderPackage, ...]:
    # It takes longer to import than all of the guard, and most processes never need it.
    from importlib.metadata import entry_points

    found = (
        ProviderPackage(
            slug=entry.name,
            package=f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value,
            load_entry=entry.load,
        )
        for entry in entry_points(group=GROUP)
    )
    return tuple(sorted(found, key=lambda one: (one.slug, one.package)))
