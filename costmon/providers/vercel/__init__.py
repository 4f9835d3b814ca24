"""Vercel: the charges of a team by day, service and project, and what counts against plan caps."""

import re

from costmon.config.parsers import Refused, one_of
from costmon.providers.base import Credential, Option, Provider, ProviderInfo, ProviderSetup


def _team(text: str) -> str:
    """Accept the id or the slug of a team."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,100}", text) is None:
        raise Refused("the id of a team (team_...) or its slug, as in vercel.com/<slug>")
    return text


info = ProviderInfo(
    slug="vercel",
    title="Vercel",
    docs="https://vercel.com/docs/rest-api/billing/list-focus-billing-charges",
    hosts=("api.vercel.com", "ai-gateway.vercel.sh"),
    credentials=(
        Credential(
            key="token",
            name="VERCEL_API_TOKEN",
            accepted="an access token of Vercel, restricted to the team",
            meaning="The token of the account `vercel`; best of a member with the role Billing.",
        ),
    ),
    options=(
        Option(
            key="team_id",
            name="VERCEL_TEAM_ID",
            default_words="none: the personal scope of the token's owner",
            accepted="the id of a team (`team_...`) or its slug",
            meaning="The team whose charges are read.",
            parse=_team,
        ),
        Option(
            key="included_credit",
            name="VERCEL_INCLUDED_CREDIT",
            default_words="false",
            accepted="true or false",
            meaning="Whether the included credit is read, too: from an endpoint that Vercel does "
            "not document.",
            parse=one_of("true", "false"),
        ),
    ),
    readings=("charges", "usage"),
    url_variable="VERCEL_API_URL",
    default_url="https://api.vercel.com",
    scopes=("Billing",),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon.providers.vercel.provider import Vercel

    return Vercel(setup.outbound, setup.options)
