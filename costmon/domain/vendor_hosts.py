"""Whose API a host is: a call to `api.openai.com` is also spending at `provider:openai`."""

_EXACT = {
    "api.digitalocean.com": "digitalocean",
    "inference.do-ai.run": "digitalocean",
    "api.vercel.com": "vercel",
    "ai-gateway.vercel.sh": "vercel",
    "api.supabase.com": "supabase",
    "api.anthropic.com": "anthropic",
    "api.openai.com": "openai",
    "eu.api.openai.com": "openai",
    "api.github.com": "github",
    "models.github.ai": "github",
    "api.stripe.com": "stripe",
    "api.cloudflare.com": "cloudflare",
    "gateway.ai.cloudflare.com": "cloudflare",
    "cloud.mongodb.com": "atlas",
    "api.ovh.com": "ovh",
    "eu.api.ovh.com": "ovh",
    "ca.api.ovh.com": "ovh",
    "api.ionos.com": "ionos",
    "api.hetzner.cloud": "hetzner",
    "api.scaleway.com": "scaleway",
    "api.scaleway.ai": "scaleway",
    "developers.hostinger.com": "hostinger",
}
_BELOW = {
    "amazonaws.com": "aws",
    "supabase.co": "supabase",
    "wasabisys.com": "wasabi",
    "digitaloceanspaces.com": "digitalocean",
    "r2.cloudflarestorage.com": "cloudflare",
    "scw.cloud": "scaleway",
}


def provider_of(host: str) -> str | None:
    """Return the slug of the vendor that answers at a host (in its one spelling), if known."""
    found = _EXACT.get(host)
    while found is None and "." in host:
        host = host.partition(".")[2]
        found = _BELOW.get(host)
    return found
