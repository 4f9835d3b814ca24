"""Acme: what a team was charged a day, and how much of its quotas it used this month."""

from costmon.providers.base import Credential, Option, Provider, ProviderInfo, ProviderSetup

contract = 1

info = ProviderInfo(
    slug="acme",
    title="Acme",
    docs="https://docs.acme.example/api",
    hosts=("api.acme.example", "*.machines.acme.example"),
    credentials=(
        Credential(
            key="token",
            name="ACME_API_KEY",
            accepted="an Acme API key with the scope billing:read",
            meaning="The key of the team behind the account `acme`.",
        ),
    ),
    options=(
        Option(
            key="team",
            name="ACME_TEAM",
            default_words="the key's own team",
            accepted="a team's id",
            meaning="Team whose charges are read.",
            parse=str,
        ),
    ),
    readings=("charges", "usage"),
    url_variable="ACME_API_URL",
    default_url="https://api.acme.example",
    scopes=("billing:read",),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon_acme.provider import Acme

    return Acme(setup)
