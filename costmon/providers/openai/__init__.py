"""OpenAI: what an organization was billed a day, and the tokens and calls that it used."""

from costmon.providers.base import Credential, Hint, Provider, ProviderInfo, ProviderSetup

info = ProviderInfo(
    slug="openai",
    title="OpenAI",
    docs="https://platform.openai.com/docs/api-reference/usage",
    hosts=("api.openai.com", "eu.api.openai.com"),
    credentials=(
        Credential(
            key="token",
            name="OPENAI_ADMIN_KEY",
            accepted="an OpenAI admin key (sk-admin-...) with the permission api.usage.read",
            meaning="The admin key of the organization behind the account `openai`.",
        ),
    ),
    hints=(
        Hint(
            name="OPENAI_API_KEY",
            text="a project's key cannot read costs; make an admin key with the permission "
            "api.usage.read and put it into OPENAI_ADMIN_KEY",
        ),
    ),
    readings=("charges", "usage"),
    url_variable="OPENAI_API_URL",
    default_url="https://api.openai.com/v1",
    scopes=("api.usage.read",),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon.providers.openai.provider import OpenAI

    return OpenAI(setup.outbound)
