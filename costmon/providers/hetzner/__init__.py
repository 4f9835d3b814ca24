"""Hetzner Cloud: what a project holds at the vendor's current prices, and its traffic."""

from costmon.providers.base import Credential, Provider, ProviderInfo, ProviderSetup

info = ProviderInfo(
    slug="hetzner",
    title="Hetzner Cloud",
    docs="https://docs.hetzner.cloud/reference/cloud",
    hosts=("api.hetzner.cloud",),
    credentials=(
        Credential(
            key="token",
            name="HCLOUD_TOKEN",
            accepted="an API token of one project with the permission Read",
            meaning="The token of the project behind the account `hetzner`. Each project has its "
            "own, hence an [[account]] for each further one.",
        ),
    ),
    readings=("inventory", "usage"),
    url_variable="HCLOUD_API_URL",
    default_url="https://api.hetzner.cloud/v1",
    scopes=("Read",),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon.providers.hetzner.provider import Hetzner

    return Hetzner(setup.outbound)
