"""Cloudflare: what an account is billed for use a day, and its use of R2 and Workers."""

import re

from costmon.config.parsers import Refused, one_of
from costmon.providers.base import Credential, Option, Provider, ProviderInfo, ProviderSetup

_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


def _account(text: str) -> str:
    if _ID.fullmatch(text) is None:
        raise Refused("an account's id: 32 of 0-9 and a-f, from the overview of the account")
    return text


info = ProviderInfo(
    slug="cloudflare",
    title="Cloudflare",
    docs="https://developers.cloudflare.com/api/resources/billing/",
    hosts=(
        "api.cloudflare.com",
        "gateway.ai.cloudflare.com",
        "*.r2.cloudflarestorage.com",
    ),
    credentials=(
        Credential(
            key="token",
            name="CLOUDFLARE_API_TOKEN",
            accepted="a Cloudflare API token with Account > Billing > Read and Account > Account "
            "Analytics > Read",
            meaning="The API token of the account `cloudflare`.",
        ),
    ),
    options=(
        Option(
            key="account_id",
            name="CLOUDFLARE_ACCOUNT_ID",
            default_words="the only account that the token sees",
            accepted="an account's id of 32 hexadecimal digits",
            meaning="Cloudflare account that is read.",
            parse=_account,
        ),
        Option(
            key="workers_plan",
            name="CLOUDFLARE_WORKERS_PLAN",
            default_words="not known: no quota of Workers holds",
            accepted="free or paid",
            meaning="Plan of Workers, which the API does not tell: on `free` requests are limited "
            "by the day.",
            parse=one_of("free", "paid"),
        ),
    ),
    readings=("charges", "usage"),
    read_only_posts=("/graphql",),
    url_variable="CLOUDFLARE_API_URL",
    default_url="https://api.cloudflare.com/client/v4",
    scopes=("Account > Billing > Read", "Account > Account Analytics > Read"),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon.providers.cloudflare.provider import Cloudflare

    return Cloudflare(setup)
