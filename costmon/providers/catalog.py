"""Find the vendors that costmon can read: every module here that declares a provider."""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import cast

from costmon import providers as package
from costmon.config.providers import Providers
from costmon.providers.base import Provider, ProviderModule, ProviderSetup

# What the providers share.
SHARED = frozenset({"base", "breaker", "catalog", "reading"})


def modules() -> Mapping[str, ProviderModule]:
    """Return the modules of all vendors by slug, in alphabetical order.

    Raises:
        ImportError: A module declares no provider, or one of another name.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return {name: _load(name) for name in names if name not in SHARED}


def declarations() -> Providers:
    """Return what the providers declare."""
    return Providers(tuple(module.info for module in modules().values()))


def create(slug: str, setup: ProviderSetup) -> Provider:
    """Make a provider for one account.

    Args:
        slug: One of `modules()`.
        setup: What it works with.

    Raises:
        KeyError: No such provider.
        ValueError: One of the prices is not a price.
    """
    return modules()[slug].create(setup)


def _load(name: str) -> ProviderModule:
    module = importlib.import_module(f"{package.__name__}.{name}")
    if not hasattr(module, "info") or not hasattr(module, "create"):
        msg = f"{module.__name__} declares no provider: it needs `info` and `create`"
        raise ImportError(msg, name=module.__name__)
    if module.info.slug != name:
        msg = f"{module.__name__} declares the slug {module.info.slug!r}: it must be the module's"
        raise ImportError(msg, name=module.__name__)
    return cast("ProviderModule", module)
