"""Whose API a host is: a call to `api.openai.com` is also spending at `provider:openai`."""

# `*.example.com` is every host below example.com.
_PROVIDERS = {
    # Declared by the providers in costmon/providers; `make docs` writes these lines.
    # declared: begin (changed by hand, these lines are overwritten)
    "api.digitalocean.com": "digitalocean",
    "inference.do-ai.run": "digitalocean",
    "*.digitaloceanspaces.com": "digitalocean",
    # declared: end (edit what follows)
    # Vendors without a provider yet; a vendor's lines go when its provider declares them.
    "api.vercel.com": "vercel",
    "ai-gateway.vercel.sh": "vercel",
    "api.supabase.com": "supabase",
    "*.supabase.co": "supabase",
    "*.wasabisys.com": "wasabi",
    "api.anthropic.com": "anthropic",
    "api.openai.com": "openai",
    "eu.api.openai.com": "openai",
    "api.github.com": "github",
    "models.github.ai": "github",
    "api.stripe.com": "stripe",
    "api.cloudflare.com": "cloudflare",
    "gateway.ai.cloudflare.com": "cloudflare",
    "*.r2.cloudflarestorage.com": "cloudflare",
    "cloud.mongodb.com": "atlas",
    "api.ovh.com": "ovh",
    "eu.api.ovh.com": "ovh",
    "ca.api.ovh.com": "ovh",
    "api.ionos.com": "ionos",
    "api.hetzner.cloud": "hetzner",
    "api.scaleway.com": "scaleway",
    "api.scaleway.ai": "scaleway",
    "*.scw.cloud": "scaleway",
    "developers.hostinger.com": "hostinger",
    "*.amazonaws.com": "aws",
}


def provider_of(host: str) -> str | None:
    """Return the slug of the vendor that answers at a host (in canonical form), if known."""
    found = _PROVIDERS.get(host)
    while found is None and "." in host:
        host = host.partition(".")[2]
        found = _PROVIDERS.get(f"*.{host}")
    return found
