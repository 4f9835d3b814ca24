"""Whose API a host is: a call to `api.openai.com` is also spending at `provider:openai`."""

import functools
from collections.abc import Mapping

from costmon.domain.provider_packages import provider_packages

# `*.example.com` is every host below example.com.
VENDOR_OF_HOST = {
    # hosts: begin (`make docs` writes what providers declare, and keeps the lines of other vendors)
    # Declared in costmon/providers: change it there.
    "api.anthropic.com": "anthropic",
    "cloud.mongodb.com": "atlas",
    "ce.us-east-1.amazonaws.com": "aws",
    "*.amazonaws.com": "aws",
    "api.cloudflare.com": "cloudflare",
    "gateway.ai.cloudflare.com": "cloudflare",
    "*.r2.cloudflarestorage.com": "cloudflare",
    "api.digitalocean.com": "digitalocean",
    "cloud.digitalocean.com": "digitalocean",
    "inference.do-ai.run": "digitalocean",
    "*.digitaloceanspaces.com": "digitalocean",
    "api.github.com": "github",
    "models.github.ai": "github",
    "api.hetzner.cloud": "hetzner",
    "developers.hostinger.com": "hostinger",
    "api.ionos.com": "ionos",
    "api.openai.com": "openai",
    "eu.api.openai.com": "openai",
    "eu.api.ovh.com": "ovh",
    "ca.api.ovh.com": "ovh",
    "api.us.ovhcloud.com": "ovh",
    "www.ovh.com": "ovh",
    "ca.ovh.com": "ovh",
    "us.ovhcloud.com": "ovh",
    "api.scaleway.com": "scaleway",
    "api.scaleway.ai": "scaleway",
    "*.scw.cloud": "scaleway",
    "api.stripe.com": "stripe",
    "api.supabase.com": "supabase",
    "*.supabase.co": "supabase",
    "api.vercel.com": "vercel",
    "ai-gateway.vercel.sh": "vercel",
    "stats.wasabisys.com": "wasabi",
    "*.wasabisys.com": "wasabi",
    # Vendors without a provider: change it here.
    # hosts: end (a vendor that gets a provider leaves this table for its declaration)
}


def provider_of(host: str) -> str | None:
    """Return the slug of the vendor that answers at a host (in canonical form), if known.

    The first host that is not in the table makes this process look for packages that bring a
    provider, once.
    """
    found = _lookup(VENDOR_OF_HOST, host)
    return found if found is not None else _lookup(_hosts_of_packages(), host)


def _lookup(vendors: Mapping[str, str], host: str) -> str | None:
    found = vendors.get(host)
    while found is None and "." in host:
        host = host.partition(".")[2]
        found = vendors.get(f"*.{host}")
    return found


@functools.cache
def _hosts_of_packages() -> Mapping[str, str]:
    hosts: dict[str, str] = {}
    for package in provider_packages():
        try:
            declared = getattr(package.load(), "info", None)
        except ImportError:
            continue  # `costmon check` says why; a call that is guarded must not fail for it
        hosts = dict.fromkeys(getattr(declared, "hosts", ()), package.slug) | hosts
    return hosts
