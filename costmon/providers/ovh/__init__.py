"""OVHcloud: what was billed, what is used this month, and when services renew."""

from collections.abc import Mapping

from costmon.providers.base import Credential, Hint, Provider, ProviderInfo, ProviderSetup

TOKEN_PATH = "/auth/oauth2/token"  # noqa: S105 - the path of a request


def _headers(credentials: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers of an application; its signature differs for each request."""
    if "consumer_key" not in credentials:
        return {}
    return {
        "X-Ovh-Application": credentials["application_key"],
        "X-Ovh-Consumer": credentials["consumer_key"],
    }


info = ProviderInfo(
    slug="ovh",
    title="OVHcloud",
    docs="https://api.ovh.com/console/",
    hosts=(
        "eu.api.ovh.com",
        "ca.api.ovh.com",
        "api.us.ovhcloud.com",
        "www.ovh.com",
        "ca.ovh.com",
        "us.ovhcloud.com",
    ),
    credentials=(
        Credential(
            key="application_key",
            name="OVH_APPLICATION_KEY",
            accepted="an application key, or the client ID of a service account",
            meaning="The application behind the account `ovh`. Without OVH_CONSUMER_KEY it is the "
            "client ID of a service account (OAuth2).",
        ),
        Credential(
            key="application_secret",
            name="OVH_APPLICATION_SECRET",
            accepted="the application secret, or the client secret of the service account",
            meaning="Its secret, which signs requests or is exchanged for an access token.",
        ),
        Credential(
            key="consumer_key",
            name="OVH_CONSUMER_KEY",
            accepted="a consumer key that is limited to GET",
            meaning="The consumer key of the application; not set for a service account.",
            required=False,
        ),
    ),
    hints=(
        Hint(
            name="OVH_CLIENT_ID",
            text="put the client ID of the service account into OVH_APPLICATION_KEY and its secret "
            "into OVH_APPLICATION_SECRET, and leave OVH_CONSUMER_KEY out",
        ),
    ),
    readings=("inventory", "charges", "usage"),
    headers=_headers,
    read_only_posts=(TOKEN_PATH,),
    url_variable="OVH_API_URL",
    default_url="https://eu.api.ovh.com/1.0",
    scopes=(
        "GET /me/consumption/usage/*",
        "GET /me/bill*",
        "GET /me/refund*",
        "GET /services*",
    ),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon.providers.ovh.provider import OVHcloud
    from costmon.providers.ovh.session import Login

    return OVHcloud(Login(setup))
