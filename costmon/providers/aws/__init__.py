"""AWS: what was charged a day, by service and linked account; each request costs money."""

import re
from collections.abc import Mapping

from costmon.config.parsers import Refused
from costmon.providers.base import Credential, Hint, Option, Provider, ProviderInfo, ProviderSetup


def _count(text: str) -> int:
    """Accept how many requests may be sent a day."""
    if re.fullmatch(r"[1-9][0-9]{0,3}", text) is None:
        raise Refused("a whole number from 1 to 9999")
    return int(text)


def _signed(credentials: Mapping[str, str]) -> Mapping[str, str]:
    """Return no header: every request has a signature of its own."""
    del credentials
    return {}


info = ProviderInfo(
    slug="aws",
    title="AWS",
    docs="https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html",
    hosts=("ce.us-east-1.amazonaws.com", "*.amazonaws.com"),
    credentials=(
        Credential(
            key="access_key",
            name="AWS_ACCESS_KEY_ID",
            accepted="the access key of a user that may do ce:GetCostAndUsage and nothing else",
            meaning="Read only when an `[[account]]` names it: each request costs 0.01 USD.",
        ),
        Credential(
            key="secret_key",
            name="AWS_SECRET_ACCESS_KEY",
            accepted="the secret access key that belongs to it",
            meaning="Signs the requests; it is not sent.",
        ),
        Credential(
            key="session_token",
            name="AWS_SESSION_TOKEN",
            accepted="the session token of temporary credentials",
            meaning="Needed with temporary credentials only.",
            required=False,
        ),
    ),
    options=(
        Option(
            key="requests_per_day",
            name="AWS_REQUESTS_PER_DAY",
            default_words="4",
            accepted="a whole number from 1 to 9999",
            meaning="How many requests of 0.01 USD each may be sent in a UTC day.",
            parse=_count,
            number=True,
        ),
    ),
    requests_per_day=4,
    file_only=True,
    hints=(
        Hint(
            name="AWS_ACCESS_KEY_ID",
            text="costs of AWS are read only with an [[account]] in costmon.toml with provider = "
            '"aws", because each request costs 0.01 USD',
        ),
    ),
    readings=("charges", "usage"),
    headers=_signed,
    # Cost Explorer has one path; what is asked is in the header X-Amz-Target, which is fixed.
    read_only_posts=("/",),
    url_variable="AWS_API_URL",
    default_url="https://ce.us-east-1.amazonaws.com",
    scopes=("ce:GetCostAndUsage",),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon.providers.aws.provider import Aws

    try:
        from costmon.providers.aws.signature import signed_headers
    except ImportError:
        # Reading says so: the other vendors do not need it.
        return Aws(setup, None)
    return Aws(setup, signed_headers)
