"""REST APIs that are read by a definition instead of code: the `[[custom]]` tables."""

from costmon.providers.base import Provider, ProviderInfo, ProviderSetup

info = ProviderInfo(
    slug="custom",
    title="Custom sources",
    docs="costmon.example.toml",
    hosts=(),
    credentials=(),
    readings=("charges", "usage"),
    scopes=(),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider of one source, without a request."""
    from costmon.providers.custom.provider import Custom

    return Custom(setup)
