"""MongoDB Atlas: what an organization is billed a day, and the operations of its databases."""

import re
from collections.abc import Mapping

from costmon.config.parsers import Refused
from costmon.providers.base import Credential, Option, Provider, ProviderInfo, ProviderSetup

_ID = re.compile(r"[0-9a-f]{24}", re.ASCII)


def _organization(text: str) -> str:
    if _ID.fullmatch(text) is None:
        raise Refused("an organization's id: 24 of 0-9 and a-f, from its settings page")
    return text


def _headers(credentials: Mapping[str, str]) -> Mapping[str, str]:
    """Return nothing: what authenticates is found out anew for each read."""
    del credentials
    return {}


info = ProviderInfo(
    slug="atlas",
    title="MongoDB Atlas",
    docs="https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/",
    hosts=("cloud.mongodb.com",),
    credentials=(
        Credential(
            key="public_key",
            name="ATLAS_PUBLIC_KEY",
            accepted="the public key of an API key, or the client id of a service account "
            "(mdb_sa_id_...)",
            meaning="The key of the account `atlas`, with the role Organization Billing Viewer.",
        ),
        Credential(
            key="private_key",
            name="ATLAS_PRIVATE_KEY",
            accepted="the private key that belongs to it, or the service account's client secret",
            meaning="Its secret: of an API key it is never sent, only used to answer the vendor's "
            "challenge (HTTP digest).",
        ),
    ),
    options=(
        Option(
            key="org_id",
            name="ATLAS_ORG_ID",
            default_words="the organization that the key belongs to",
            accepted="an organization's id of 24 hexadecimal digits",
            meaning="Organization whose invoices are read.",
            parse=_organization,
        ),
    ),
    readings=("charges", "usage"),
    headers=_headers,
    read_only_posts=("/api/oauth/token",),
    url_variable="ATLAS_API_URL",
    default_url="https://cloud.mongodb.com",
    scopes=("Organization Billing Viewer", "Organization Read Only"),
    reserved_prefix=None,
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon.providers.atlas.provider import Atlas

    return Atlas(setup)
