"""DigitalOcean: everything in an account that costs money, its invoices and its limits."""

from typing import TYPE_CHECKING

from costmon.providers.base import Credential, Provider, ProviderInfo, ProviderSetup

if TYPE_CHECKING:
    from costmon.outbound import Outbound

info = ProviderInfo(
    slug="digitalocean",
    title="DigitalOcean",
    docs="https://docs.digitalocean.com/reference/api/digitalocean/",
    hosts=(
        "api.digitalocean.com",
        "cloud.digitalocean.com",
        "inference.do-ai.run",
        "*.digitaloceanspaces.com",
    ),
    credentials=(
        Credential(
            key="token",
            name="DO_API_TOKEN",
            accepted="a DigitalOcean API token; read-only scopes are enough",
            meaning="Token of the account `digitalocean`.",
        ),
    ),
    readings=("inventory", "charges", "usage"),
    url_variable="DO_API_URL",
    default_url="https://api.digitalocean.com",
    scopes=(
        "droplet:read",
        "sizes:read",
        "billing:read",
        "block_storage:read",
        "snapshot:read",
        "load_balancer:read",
        "reserved_ip:read",
        "database:read",
        "kubernetes:read",
        "registry:read",
        "app:read",
        "account:read",
    ),
    reserved_prefix="DO_",
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon.providers.digitalocean.provider import API_HOST, DigitalOcean

    def token_info() -> "Outbound":
        # The vendor answers it at another host; what stands in for the API stands in for it, too.
        if setup.outbound.host != API_HOST or setup.connect is None:
            return setup.outbound
        return setup.connect(
            "https://cloud.digitalocean.com", info.authentication(setup.credentials)
        )

    return DigitalOcean(setup.outbound, setup.prices, token_info)
