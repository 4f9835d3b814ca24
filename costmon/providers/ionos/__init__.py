"""IONOS Cloud: invoices, this month's use at the contract's prices, and what a day used."""

from costmon.config.parsers import Refused
from costmon.providers.base import Credential, Option, Provider, ProviderInfo, ProviderSetup


def _contract(text: str) -> str:
    """Accept a contract number."""
    if not (text.isascii() and text.isdigit()):
        raise Refused("a contract number such as 31700001")
    return text


info = ProviderInfo(
    slug="ionos",
    title="IONOS Cloud",
    docs="https://api.ionos.com/docs/billing/v3/",
    hosts=("api.ionos.com",),
    credentials=(
        Credential(
            key="token",
            name="IONOS_TOKEN",
            accepted="an IONOS Cloud token of a contract owner or administrator",
            meaning="The token of the contract behind the account `ionos`.",
        ),
    ),
    options=(
        Option(
            key="contract",
            name="IONOS_CONTRACT",
            default_words="the only contract that the token sees",
            accepted="a contract number",
            meaning="Contract that is read.",
            parse=_contract,
        ),
    ),
    readings=("charges", "usage"),
    url_variable="IONOS_API_URL",
    default_url="https://api.ionos.com",
    scopes=("contract owner or administrator",),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon.providers.ionos.provider import Ionos

    contract = setup.options.get("contract")
    return Ionos(setup.outbound, None if contract is None else str(contract))
