"""Wasabi: bytes stored, deleted and sent, requests, and an estimate of what storage costs."""

import re
from collections.abc import Mapping

from costmon.config.parsers import Refused, api_url
from costmon.providers.base import Credential, Option, Provider, ProviderInfo, ProviderSetup

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def _buckets(text: str) -> tuple[str, ...]:
    """Accept names of buckets with commas between them."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names or not all(_BUCKET.fullmatch(name) for name in names):
        raise Refused("names of buckets with commas between, such as backups,photos")
    return names


def _headers(credentials: Mapping[str, str]) -> Mapping[str, str]:
    """Return the stats API's own kind of authorization, which is no signature."""
    return {"Authorization": f"{credentials['access_key']}:{credentials['secret_key']}"}


info = ProviderInfo(
    slug="wasabi",
    title="Wasabi",
    docs="https://docs.wasabi.com/apidocs/wasabi-stats-api",
    hosts=("stats.wasabisys.com", "*.wasabisys.com"),
    credentials=(
        Credential(
            key="access_key",
            name="WASABI_ACCESS_KEY",
            accepted="the access key of a sub-user with the policy WasabiViewBillingAccess",
            meaning="The key of the account `wasabi`.",
        ),
        Credential(
            key="secret_key",
            name="WASABI_SECRET_KEY",
            accepted="the secret key that belongs to it",
            meaning="Its secret. The stats API is sent it whole, over https only.",
        ),
    ),
    options=(
        Option(
            key="buckets",
            name="WASABI_BUCKETS",
            default_words="none",
            accepted="names of buckets with commas between",
            meaning="For a key that may not read the stats API: the buckets whose objects are "
            "listed to add up their bytes.",
            parse=_buckets,
        ),
        Option(
            key="s3_url",
            name="WASABI_S3_URL",
            default_words="https://s3.wasabisys.com",
            accepted="the S3 address of the region that the buckets are in",
            meaning="Where buckets are listed, such as https://s3.eu-central-2.wasabisys.com.",
            parse=api_url,
        ),
    ),
    readings=("charges", "usage"),
    least_usage_interval_s=300.0,
    headers=_headers,
    url_variable="WASABI_API_URL",
    default_url="https://stats.wasabisys.com",
    scopes=("aws-portal:ViewBilling",),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon.providers.wasabi.buckets import BucketLister
    from costmon.providers.wasabi.prices import StoragePrices
    from costmon.providers.wasabi.provider import Wasabi

    lister = None
    buckets = setup.options.get("buckets")
    if isinstance(buckets, tuple) and setup.connect is not None:
        url = str(setup.options.get("s3_url") or "https://s3.wasabisys.com")
        lister = BucketLister(setup.connect(url, {}), setup.credentials, buckets)
    return Wasabi(setup.outbound, StoragePrices(setup.prices), lister)
