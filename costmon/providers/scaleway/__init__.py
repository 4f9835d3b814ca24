"""Scaleway: what an organization consumed in a month, before and after discounts."""

import re
from collections.abc import Mapping

from costmon.config.parsers import Refused
from costmon.providers.base import Credential, Hint, Option, Provider, ProviderInfo, ProviderSetup


def _id(text: str) -> str:
    """Accept the id of an organization."""
    if re.fullmatch(r"[0-9A-Za-z-]{1,64}", text) is None:
        raise Refused("the id of an organization, such as 11111111-2222-3333-4444-555555555555")
    return text


def _headers(credentials: Mapping[str, str]) -> Mapping[str, str]:
    return {"X-Auth-Token": credentials["secret_key"]}


info = ProviderInfo(
    slug="scaleway",
    title="Scaleway",
    docs="https://www.scaleway.com/en/developers/api/billing/",
    hosts=("api.scaleway.com", "api.scaleway.ai", "*.scw.cloud"),
    credentials=(
        Credential(
            key="secret_key",
            name="SCW_SECRET_KEY",
            accepted="the secret key of an API key with the permission set BillingReadOnly",
            meaning="The key of the account `scaleway`, which needs `SCW_ORGANIZATION_ID`, too.",
        ),
    ),
    options=(
        Option(
            key="organization_id",
            name="SCW_ORGANIZATION_ID",
            default_words="none",
            accepted="the id of an organization",
            meaning="The organization whose consumption is read.",
            parse=_id,
        ),
    ),
    needs_option=("organization_id",),
    hints=(
        Hint(
            name="SCW_SECRET_KEY",
            text="a key does not say whose costs are to be read; set SCW_ORGANIZATION_ID",
        ),
    ),
    readings=("charges",),
    headers=_headers,
    url_variable="SCALEWAY_API_URL",
    default_url="https://api.scaleway.com",
    scopes=("BillingReadOnly",),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon.providers.scaleway.provider import Scaleway

    return Scaleway(setup.outbound, str(setup.options.get("organization_id", "")))
