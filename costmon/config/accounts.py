"""Find the accounts to poll: the one of `DO_API_TOKEN`, and those of `[[account]]`."""

from collections.abc import Sequence
from dataclasses import dataclass

from costmon.config import variables as var
from costmon.config.file import AccountEntry
from costmon.config.providers import PROVIDERS
from costmon.config.reader import Reader
from costmon.config.secret import MASK, Secret

DEFAULT_ACCOUNT = "digitalocean"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """One credential of one vendor.

    Attributes:
        name: Unique; the actor is `poller.<name>`.
        provider: The vendor's slug.
        token: The credential.
        api_url: The vendor's base URL, no slash at the end.
    """

    name: str
    provider: str
    token: Secret
    api_url: str


def demo_account() -> AccountSettings:
    """Return the simulated account; bootstrap fills in where the simulated vendor listens."""
    return AccountSettings(
        name=DEFAULT_ACCOUNT,
        provider=DEFAULT_ACCOUNT,
        token=Secret("demo-token-of-the-simulated-vendor"),
        api_url="",
    )


def read_accounts(
    read: Reader, entries: Sequence[AccountEntry], *, required: bool
) -> tuple[AccountSettings, ...]:
    """Return the accounts: `DO_API_TOKEN`'s first, unless an entry uses that variable itself.

    Two accounts with one token would count everything twice, hence that is a fault.
    """
    claimed = {entry.token_variable for entry in entries}
    found: list[AccountSettings] = []
    for provider, (variable, url) in PROVIDERS.items():
        token = read.read_optional(variable) if variable.name not in claimed else None
        if token is not None:
            found.append(
                AccountSettings(
                    name=provider, provider=provider, token=token, api_url=read.read(url)
                )
            )
    for entry in entries:
        _, url = PROVIDERS[entry.provider]
        token = _token(read, entry, required=required)
        if token is None:
            continue
        if any(account.token == token for account in found):
            read.refuse(
                entry.token_variable,
                MASK,
                "another token than the other account's: its costs would count twice",
            )
        if any(account.name == entry.name for account in found):
            read.refuse(f"{entry.where}.name", entry.name, "a name that no other account has")
        found.append(
            AccountSettings(
                name=entry.name,
                provider=entry.provider,
                token=token,
                api_url=entry.api_url or read.read(url),
            )
        )
    if required and not found and not entries and not _refused(read, var.DO_API_TOKEN.name):
        read.refuse(
            var.DO_API_TOKEN.name,
            "",
            f"is not set: put {var.DO_API_TOKEN.name}=<a read-only DigitalOcean token> into .env "
            "or the environment, or try costmon without one: costmon run --demo",
        )
    return tuple(found)


def _refused(read: Reader, name: str) -> bool:
    return any(fault.name.startswith(name) for fault in read.faults)


def _token(read: Reader, entry: AccountEntry, *, required: bool) -> Secret | None:
    variable = var.Variable(
        name=entry.token_variable,
        default=None,
        parse=var.DO_API_TOKEN.parse,
        accepted="",
        meaning="",
        secret=True,
    )
    before = len(read.faults)
    token = read.read_optional(variable)
    if token is None and required and len(read.faults) == before:
        read.refuse(
            entry.token_variable, "", f"the token of account {entry.name} in .env ({entry.where})"
        )
    return token
