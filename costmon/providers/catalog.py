"""Find the vendors that costmon can read: each module here, and those of other packages.

Another package names its module in the entry point group `costmon.providers`. One that cannot be
used is declared all the same, with the reason, so that its account is off and the others are read.
"""

import functools
import importlib
import pkgutil
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from costmon import __version__
from costmon import providers as package
from costmon.config.credentials import SUFFIXES
from costmon.config.providers import ProviderInfo, Providers, unusable
from costmon.config.variables import OWN_GROUPS
from costmon.domain.provider_packages import ProviderPackage, provider_packages
from costmon.domain.vendor_hosts import VENDOR_OF_HOST
from costmon.providers.base import CONTRACT, Provider, ProviderModule, ProviderSetup

# What the providers share.
SHARED = frozenset({"base", "breaker", "catalog", "figures", "permissions", "reading"})

_OURS = f"costmon {__version__}"
_SLUG = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_MOST_TEXT = 300


class _Found(NamedTuple):
    modules: Mapping[str, ProviderModule]
    unusable: tuple[ProviderInfo, ...]


def modules() -> Mapping[str, ProviderModule]:
    """Return the modules of all vendors that can be read, by slug, in alphabetical order.

    Raises:
        ImportError: A module of costmon's own declares no provider, or one of another name.
    """
    return _all().modules


def declarations() -> Providers:
    """Return what the providers declare, and why those of some packages cannot be used."""
    infos = (*(module.info for module in modules().values()), *_all().unusable)
    return Providers(tuple(sorted(infos, key=lambda info: info.slug)))


def built_in() -> Providers:
    """Return what costmon's own providers declare: what its documents say."""
    return Providers(tuple(module.info for module in _built_in().values()))


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


def _built_in() -> Mapping[str, ProviderModule]:
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return {name: _load(name) for name in names if name not in SHARED}


def _load(name: str) -> ProviderModule:
    module = importlib.import_module(f"{package.__name__}.{name}")
    if not hasattr(module, "info") or not hasattr(module, "create"):
        msg = f"{module.__name__} declares no provider: it needs `info` and `create`"
        raise ImportError(msg, name=module.__name__)
    if module.info.slug != name:
        msg = f"{module.__name__} declares the slug {module.info.slug!r}: it must be the module's"
        raise ImportError(msg, name=module.__name__)
    return cast("ProviderModule", module)


def _all() -> _Found:
    return _with_packages(tuple(_built_in().items()), provider_packages())


# A package that cannot be imported is not tried again and again.
@functools.lru_cache(maxsize=1)
def _with_packages(
    built_in: tuple[tuple[str, ProviderModule], ...], packages: tuple[ProviderPackage, ...]
) -> _Found:
    used = _Used(built_in)
    found = dict(built_in)
    refused: list[ProviderInfo] = []
    for one in packages:
        try:
            used.check_slug(one, packages)
            module = one.load()
            _check_module(one, module)
            used.take(one, module.info)
        except Exception as error:  # noqa: BLE001 - whatever it is must not stop the other vendors
            slug = _slug_of(one, {*found, *(info.slug for info in refused)})
            refused.append(unusable(slug, f"{one.package}: {_printable(_in_words(error))}"))
        else:
            found[one.slug] = module
    return _Found(modules=dict(sorted(found.items())), unusable=tuple(refused))


class _Used:
    """Who has which slug, variable and host: each is one vendor's only."""

    def __init__(self, built_in: tuple[tuple[str, ProviderModule], ...]) -> None:
        self._slugs = dict.fromkeys(dict(built_in), _OURS)
        self._names = {variable.name: _OURS for _, group in OWN_GROUPS for variable in group}
        # Vendors that costmon has no provider for are in the table, too.
        self._hosts = {host: f"{_OURS}, for {slug}" for host, slug in VENDOR_OF_HOST.items()}
        for slug, module in built_in:
            self._add(_OURS, module.info, slug)

    def check_slug(self, one: ProviderPackage, packages: tuple[ProviderPackage, ...]) -> None:
        """Make sure that no other package has the slug.

        Raises:
            ImportError: One has.
        """
        others = [other.package for other in packages if other.slug == one.slug and other != one]
        if one.slug in self._slugs:
            others = [self._slugs[one.slug]]
        if others:
            msg = f"the vendor {one.slug!r} is also in {others[0]}: uninstall one of the packages"
            raise ImportError(msg)

    def take(self, one: ProviderPackage, info: ProviderInfo) -> None:
        """Note what a package declares.

        Raises:
            ImportError: A variable or a host is another's.
        """
        for variable in info.variables():
            for name in {variable.name.removesuffix(suffix) for suffix in ("", *SUFFIXES)}:
                if name in self._names:
                    msg = f"its variable {variable.name} is also in {self._names[name]}"
                    raise ImportError(msg)
        for host in info.hosts:
            owner = self._hosts.get(host)
            if owner is not None and VENDOR_OF_HOST.get(host) != info.slug:
                msg = f"its host {host} is also in {owner}"
                raise ImportError(msg)
        self._add(one.package, info, one.slug)

    def _add(self, package: str, info: ProviderInfo, slug: str) -> None:
        self._slugs[slug] = package
        self._names |= {variable.name: package for variable in info.variables()}
        self._hosts |= dict.fromkeys(info.hosts, f"{package}, for {slug}")


def _check_module(one: ProviderPackage, module: Any) -> None:  # noqa: ANN401 - it may be anything
    """Make sure that a package's module is a provider of this version.

    Raises:
        ImportError: It is not.
    """
    info = getattr(module, "info", None)
    if not isinstance(info, ProviderInfo) or not callable(getattr(module, "create", None)):
        msg = "its module declares no provider: it needs `info` and `create`"
        raise ImportError(msg)  # noqa: TRY004 - of what is imported
    contract = getattr(module, "contract", None)
    if contract != CONTRACT:
        raise ImportError(
            f"it was written for contract {contract}, and {_OURS} has contract {CONTRACT}: install "
            "versions that fit (docs/adding-a-provider.md)"
        )
    if info.slug != one.slug or _SLUG.fullmatch(one.slug) is None:
        raise ImportError(
            f"its entry point is {one.slug!r} and its slug {info.slug!r}: both must be the same, "
            "of a-z, 0-9 and -"
        )
    if not any(it.required for it in info.credentials) or not info.readings:
        raise ImportError("it declares no credential that is required, or no reading")
    if not info.url_variable or not info.has_host(info.default_url):
        raise ImportError("it has no `url_variable`, or the host of `default_url` is not declared")


def _slug_of(one: ProviderPackage, taken: set[str]) -> str:
    """Return what the account that is off is called: the vendor's name unless another has it."""
    name = one.package.partition(" ")[0]
    wanted = (one.slug, name, *(f"{name[:37]}-{number}" for number in range(2, 100)))
    slugs = (re.sub(r"[^a-z0-9]+", "-", text.lower())[:40] for text in wanted)
    return next(slug for slug in slugs if slug not in taken)


def _in_words(error: Exception) -> str:
    if isinstance(error, ImportError):
        return str(error)
    return f"its declaration is not valid: {type(error).__name__}: {error}"


def _printable(text: str) -> str:
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return line if len(line) <= _MOST_TEXT else f"{line[:_MOST_TEXT]}…"
