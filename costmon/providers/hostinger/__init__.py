"""Hostinger: subscriptions, what they cost, when they renew and for how much."""

from costmon.providers.base import Credential, Provider, ProviderInfo, ProviderSetup

info = ProviderInfo(
    slug="hostinger",
    title="Hostinger",
    docs="https://developers.hostinger.com",
    hosts=("developers.hostinger.com",),
    credentials=(
        Credential(
            key="token",
            name="HOSTINGER_API_TOKEN",
            accepted="an API token of hPanel",
            meaning="The token of the account `hostinger`. It has all rights of the user who made "
            "it: Hostinger has none that can only read.",
        ),
    ),
    readings=("inventory", "charges"),
    url_variable="HOSTINGER_API_URL",
    default_url="https://developers.hostinger.com",
    scopes=("all rights of the user",),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon.providers.hostinger.provider import Hostinger

    return Hostinger(setup.outbound)
