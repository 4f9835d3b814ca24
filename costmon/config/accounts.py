"""Find the accounts to poll: each vendor's default one, and those of `[[account]]`.

A vendor whose required credentials are in the environment has one account, named after it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from costmon.config.custom import CustomEntry
from costmon.config.file import AccountEntry
from costmon.config.providers import Credential, ProviderInfo, Providers
from costmon.config.reader import Reader
from costmon.config.secret import MASK, Secret
from costmon.domain.poll import ReadingKind
from costmon.domain.subscription import Subscription

# What reads the entries of `[[manual]]`, and asks nobody.
MANUAL_PROVIDER = "manual"
# What reads the APIs of `[[custom]]`.
CUSTOM_PROVIDER = "custom"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """One account of one vendor.

    Attributes:
        name: Unique; the actor is `poller.<name>`.
        provider: The vendor's slug.
        credentials: By the keys that the provider declares, the first of them the bearer token;
            an optional one that is not set is absent.
        options: What else the account says, by the keys that the provider declares.
        api_url: The vendor's base URL, no slash at the end.
        intervals: Seconds between two reads, by the readings for which the account says so.
        readings: What is read of it; `None`: all that the vendor can answer.
        missing: Variables that are needed and not set: the account is off until they are.
        unusable: Why the vendor's package cannot be used: the account is off, too.
    """

    name: str
    provider: str
    credentials: Mapping[str, Secret]
    options: Mapping[str, object] = field(default_factory=dict)
    api_url: str
    intervals: Mapping[ReadingKind, float] = field(default_factory=dict)
    readings: tuple[ReadingKind, ...] | None = None
    missing: tuple[str, ...] = ()
    unusable: str | None = None

    @property
    def off_because(self) -> str | None:
        """Return why the account is not read; `None` when it is."""
        if self.missing:
            return f"{' and '.join(self.missing)} is not set"
        return self.unusable

    @property
    def token(self) -> Secret:
        """Return the credential that is sent as the bearer token."""
        return next(iter(self.credentials.values()))


def manual_account(entries: Sequence[Subscription]) -> AccountSettings:
    """Return the account of the file's `[[manual]]` tables."""
    return AccountSettings(
        name=MANUAL_PROVIDER,
        provider=MANUAL_PROVIDER,
        credentials={},
        options=MappingProxyType({"entries": tuple(entries)}),
        api_url="",
    )


def _unusable_accounts(
    providers: Providers, found: Sequence[AccountSettings]
) -> list[AccountSettings]:
    """Return an account for each package that cannot be used and that the file does not name."""
    names = {account.name for account in found}
    slugs = {account.provider for account in found}
    return [
        _unusable_account(info, info.slug if info.slug not in names else f"{info.slug}-package")
        for info in providers.infos
        if info.unusable and info.slug not in slugs
    ]


def _unusable_account(info: ProviderInfo, name: str) -> AccountSettings:
    return AccountSettings(
        name=name, provider=info.slug, credentials={}, api_url="", unusable=info.unusable
    )


def read_accounts(
    read: Reader,
    providers: Providers,
    entries: Sequence[AccountEntry],
    *,
    manual: Sequence[Subscription] = (),
    custom: Sequence[CustomEntry] = (),
    required: bool,
) -> tuple[AccountSettings, ...]:
    """Return the accounts: the vendors' default ones first, then those of the file.

    A vendor has no default account when an entry uses one of its required variables itself. Two
    accounts with the same credentials would count everything twice, hence that is a fault.

    Args:
        read: The variables, and where faults are noted.
        providers: The declarations of the vendors.
        entries: The file's accounts.
        manual: The file's `[[manual]]` tables, which are one account.
        custom: The file's `[[custom]]` tables, each an account.
        required: Whether it is a fault when there is no account, or when one lacks a credential.
    """
    before = len(read.faults)
    claimed = {name for entry in entries for name in entry.variables.values()}
    claimed |= {
        credential.name
        for entry in entries
        if not entry.variables
        for credential in entry.provider.credentials
    }
    defaults = (_default_account(read, info, claimed) for info in providers.infos)
    found = [account for account in defaults if account is not None]
    if manual:
        found.append(manual_account(manual))
    of_file: list[tuple[AccountEntry | CustomEntry, AccountSettings | None]] = [
        *((it, _account_of(read, it, required=required)) for it in entries),
        *((it, _custom_account(read, it, required=required)) for it in custom),
    ]
    for entry, account in of_file:
        if account is None:
            continue
        if any(account.credentials and _read_the_same(account, other) for other in found):
            read.refuse(
                _first_variable(entry),
                MASK,
                "a token that no other account uses: otherwise its costs would count twice",
            )
        if any(account.name == other.name for other in found):
            read.refuse(f"{entry.where}.name", account.name, "a name that no other account uses")
        found.append(account)
    found += _unusable_accounts(providers, found)
    if required and len(read.faults) == before and all(one.off_because for one in found):
        if found:
            _refuse_all_off(read, providers, found)
        elif not entries:
            _refuse_none(read, providers)
    return tuple(found)


def _first_variable(entry: AccountEntry | CustomEntry) -> str:
    """Return the variable that a fault of the entry's credentials is about."""
    if isinstance(entry, AccountEntry) and not entry.variables:
        return entry.provider.credentials[0].name
    return next(iter(entry.variables.values()))


def _read_the_same(one: AccountSettings, other: AccountSettings) -> bool:
    return (one.provider, one.credentials, one.options) == (
        other.provider,
        other.credentials,
        other.options,
    )


def _default_account(
    read: Reader, info: ProviderInfo, claimed: Iterable[str]
) -> AccountSettings | None:
    """Return the account of the vendor's own variables, when they are set and no entry uses them.

    One that lacks some of its credentials, but not all, is off and names the missing.
    """
    needed = [credential for credential in info.credentials if credential.required]
    if info.file_only or not needed or any(credential.name in claimed for credential in needed):
        return None
    before = len(read.faults)
    credentials = _read_credentials(read, {c: c.name for c in info.credentials})
    options = {
        option.key: value
        for option in info.options
        if (value := read.read_optional(option.variable())) is not None
    }
    missing = [credential for credential in needed if credential.key not in credentials]
    if len(missing) == len(needed) or len(read.faults) > before:
        return None
    if info.needs_option and not any(key in options for key in info.needs_option):
        return None
    return AccountSettings(
        name=info.slug,
        provider=info.slug,
        credentials=credentials,
        options=MappingProxyType(options),
        api_url=read.read(info.url()),
        missing=tuple(credential.name for credential in missing),
    )


def _account_of(read: Reader, entry: AccountEntry, *, required: bool) -> AccountSettings | None:
    """Return the account of an entry; `None`, and a fault if required, when it lacks something."""
    before = len(read.faults)
    info = entry.provider
    if info.unusable:
        return _unusable_account(info, entry.name)
    if not entry.variables:
        default = _default_account(read, info, ())
        if default is not None:
            return replace(
                default,
                options=MappingProxyType({**default.options, **entry.options}),
                api_url=entry.api_url or default.api_url,
                intervals=entry.intervals,
            )
        if required and len(read.faults) == before:
            needed = " and ".join(it.name for it in info.credentials if it.required)
            read.refuse(needed, "", f"is required by {entry.where}: set it in .env")
        return None
    named = {c: entry.variables[c.key] for c in info.credentials if c.key in entry.variables}
    credentials = _read_credentials(read, named)
    missing = [name for credential, name in named.items() if credential.key not in credentials]
    if missing:
        if required and len(read.faults) == before:
            for name in missing:
                read.refuse(
                    name, "", f"is required by account {entry.name} ({entry.where}): set it in .env"
                )
        return None
    return AccountSettings(
        name=entry.name,
        provider=info.slug,
        credentials=credentials,
        options=entry.options,
        api_url=entry.api_url or read.read(info.url()),
        intervals=entry.intervals,
    )


def _custom_account(read: Reader, entry: CustomEntry, *, required: bool) -> AccountSettings | None:
    """Return the account of a `[[custom]]`; `None`, and a fault if required, when it lacks one."""
    source, before = entry.source, len(read.faults)
    needed = [
        Credential(key=key, name=name, accepted="what the vendor gave out", meaning=source.title)
        for key, name in entry.variables.items()
    ]
    secrets = _read_credentials(read, {one: one.name for one in needed})
    texts = {name: read.text(it, secret=False) for name, it in entry.settings.items()}
    missing = [one.name for one in needed if one.key not in secrets]
    missing += [entry.settings[name] for name, text in texts.items() if text is None]
    if missing:
        if required and len(read.faults) == before:
            for name in missing:
                accepted = f"is required by {entry.where} ({source.name}): set it in .env"
                read.refuse(name, "", accepted)
        return None
    return AccountSettings(
        name=source.name,
        provider=CUSTOM_PROVIDER,
        credentials=secrets,
        options=MappingProxyType({"source": source, "settings": MappingProxyType(texts)}),
        api_url=source.url,
        intervals=entry.intervals,
        readings=source.readings,
    )


def _read_credentials(read: Reader, names: Mapping[Credential, str]) -> Mapping[str, Secret]:
    found = {}
    for credential, name in names.items():
        secret = read.read_optional(credential.variable(name))
        if secret is not None:
            found[credential.key] = secret
    return MappingProxyType(found)


def _refuse_all_off(
    read: Reader, providers: Providers, accounts: Sequence[AccountSettings]
) -> None:
    """Refuse settings of which nothing could be read: every account is off."""
    if all(account.unusable for account in accounts):
        _refuse_none(read, providers)
    for account in accounts:
        if account.unusable:
            read.refuse(account.name, "", f"cannot be read: {account.unusable}")
        info = providers.find(account.provider)
        declared = () if info is None else info.credentials
        needed = [credential for credential in declared if credential.required]
        given = [it.name for it in needed if it.key in account.credentials]
        for credential in needed:
            if credential.name in account.missing:
                read.refuse(
                    credential.name,
                    "",
                    f"is needed beside {' and '.join(given)}: {credential.accepted}",
                )


def _refuse_none(read: Reader, providers: Providers) -> None:
    for hint in providers.hints(read.environ, ()):
        read.refuse(hint.name, MASK, hint.text)
    needed = [
        " and ".join(credential.name for credential in info.credentials if credential.required)
        for info in providers.infos
        if info.credentials
    ]
    read.refuse(
        " or ".join(needed),
        "",
        "is not set: put a read-only token in .env or the environment, as in .env.example, "
        "or try costmon without one: costmon run --demo",
    )
