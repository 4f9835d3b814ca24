"""GitHub: what an organization or a user was charged a day, its budgets, minutes and AI credits."""

import re
from collections.abc import Mapping

from costmon.config.parsers import Refused, one_of
from costmon.providers.base import Credential, Hint, Option, Provider, ProviderInfo, ProviderSetup


def _name(text: str) -> str:
    """Accept the name of an organization or a user."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,100}", text) is None:
        raise Refused("a name as in github.com/<name>")
    return text


def _headers(credentials: Mapping[str, str]) -> Mapping[str, str]:
    return {
        "Authorization": f"Bearer {credentials['token']}",
        "X-GitHub-Api-Version": "2022-11-28",
    }


info = ProviderInfo(
    slug="github",
    title="GitHub",
    docs="https://docs.github.com/en/rest/billing",
    hosts=("api.github.com", "models.github.ai"),
    credentials=(
        Credential(
            key="token",
            name="GITHUB_TOKEN",
            accepted="a fine-grained token with the permission Administration: read (of a user: "
            "Plan: read), or a classic one of an owner",
            meaning="The token of the account `github`, which needs `GITHUB_ORG` or `GITHUB_USER`, "
            "too.",
        ),
    ),
    options=(
        Option(
            key="org",
            name="GITHUB_ORG",
            default_words="none",
            accepted="the name of an organization",
            meaning="The organization whose charges are read.",
            parse=_name,
        ),
        Option(
            key="user",
            name="GITHUB_USER",
            default_words="none",
            accepted="the name of a user",
            meaning="The user whose own charges are read; with `GITHUB_ORG`, too, both are.",
            parse=_name,
        ),
        Option(
            key="plan",
            name="GITHUB_PLAN",
            default_words="none: minutes are counted and compared with nothing",
            accepted="free, pro, team or enterprise",
            meaning="The plan, whose included minutes and storage are compared with the use.",
            parse=one_of("free", "pro", "team", "enterprise"),
        ),
    ),
    needs_option=("org", "user"),
    hints=(
        Hint(
            name="GITHUB_TOKEN",
            text="a token does not say whose costs are to be read; set GITHUB_ORG or GITHUB_USER",
        ),
    ),
    readings=("charges", "usage"),
    headers=_headers,
    url_variable="GITHUB_API_URL",
    default_url="https://api.github.com",
    scopes=("Administration: read", "Plan: read"),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon.providers.github.provider import GitHub

    return GitHub(setup.outbound, setup.options)
