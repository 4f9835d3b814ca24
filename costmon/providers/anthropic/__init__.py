"""Anthropic: what an organization was charged a day, and the tokens that it used."""

from collections.abc import Mapping

from costmon.providers.base import Credential, Hint, Provider, ProviderInfo, ProviderSetup


def _headers(credentials: Mapping[str, str]) -> Mapping[str, str]:
    # With `Authorization: Bearer` an admin key is answered 401.
    return {"x-api-key": credentials["token"], "anthropic-version": "2023-06-01"}


info = ProviderInfo(
    slug="anthropic",
    title="Anthropic",
    docs="https://platform.claude.com/docs/en/build-with-claude/usage-cost-api",
    hosts=("api.anthropic.com",),
    credentials=(
        Credential(
            key="token",
            name="ANTHROPIC_ADMIN_KEY",
            accepted="an API key with the scope read:analytics, or an admin key (sk-ant-admin...)",
            meaning="The key of the organization behind the account `anthropic`.",
        ),
    ),
    hints=(
        Hint(
            name="ANTHROPIC_API_KEY",
            text="an ordinary key cannot read costs; put a key with the scope read:analytics, or "
            "an admin key, into ANTHROPIC_ADMIN_KEY",
        ),
    ),
    readings=("charges", "usage"),
    headers=_headers,
    url_variable="ANTHROPIC_API_URL",
    default_url="https://api.anthropic.com",
    scopes=("read:analytics",),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon.providers.anthropic.provider import Anthropic

    is_admin_key = setup.credentials.get("token", "").startswith("sk-ant-admin")
    return Anthropic(setup.outbound, is_admin_key=is_admin_key)
