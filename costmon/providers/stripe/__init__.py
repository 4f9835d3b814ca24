"""Stripe: the fees that were paid a day, and the volume of transactions, by currency."""

from collections.abc import Mapping

from costmon.providers.base import Credential, Provider, ProviderInfo, ProviderSetup


def _headers(credentials: Mapping[str, str]) -> Mapping[str, str]:
    return {
        "Authorization": f"Bearer {credentials['token']}",
        "Stripe-Version": "2026-10-28.endive",
    }


info = ProviderInfo(
    slug="stripe",
    title="Stripe",
    docs="https://docs.stripe.com/api/balance_transactions/list",
    hosts=("api.stripe.com",),
    credentials=(
        Credential(
            key="token",
            name="STRIPE_API_KEY",
            accepted="a restricted key (rk_live_...) with Balance transaction sources: read",
            meaning="The key of the account `stripe`.",
        ),
    ),
    readings=("charges", "usage"),
    headers=_headers,
    url_variable="STRIPE_API_URL",
    default_url="https://api.stripe.com",
    scopes=("Balance transaction sources: read",),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon.providers.stripe.provider import Stripe

    return Stripe(setup.outbound, setup.credentials.get("token", ""))
