"""Fixed prices that no API tells, from the `[[manual]]` tables of costmon.toml."""

from costmon.providers.base import Provider, ProviderInfo, ProviderSetup

info = ProviderInfo(
    slug="manual",
    title="Manual entries",
    docs="costmon.example.toml",
    hosts=(),
    credentials=(),
    readings=("charges", "usage"),
    scopes=(),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider of the entries, which asks nobody."""
    from costmon.providers.manual.provider import Manual

    return Manual(setup.options.get("entries", ()))
