"""Know the domains under which strangers can have hosts, such as `com`, `co.uk` or `github.io`.

The Public Suffix List has 10,000 entries and changes weekly; this is what a list of partners is
likely to get wrong. A domain that is not here counts as one owner's.
"""

# Second-level labels under which countries register names: co.uk, com.au, or.jp, gov.br.
_REGISTRIES = frozenset(
    [
        "ac",
        "asn",
        "co",
        "com",
        "edu",
        "firm",
        "gen",
        "go",
        "gob",
        "gouv",
        "gov",
        "gv",
        "id",
        "ind",
        "info",
        "lg",
        "ltd",
        "me",
        "mil",
        "muni",
        "ne",
        "net",
        "nhs",
        "nic",
        "nom",
        "or",
        "org",
        "plc",
        "pro",
        "sch",
        "school",
        "web",
    ]
)
_COUNTRY = 2

_PLATFORMS = frozenset(
    [
        "amplifyapp.com",
        "appspot.com",
        "awsapprunner.com",
        "azure-api.net",
        "azurecontainerapps.io",
        "azurefd.net",
        "azurestaticapps.net",
        "azurewebsites.net",
        "backblazeb2.com",
        "blogspot.com",
        "bubbleapps.io",
        "cloudapp.azure.com",
        "cloudapp.net",
        "cloudfront.net",
        "cloudfunctions.net",
        "deno.dev",
        "digitaloceanspaces.com",
        "duckdns.org",
        "fastly.net",
        "firebaseapp.com",
        "firebaseio.com",
        "fly.dev",
        "gitbook.io",
        "github.dev",
        "github.io",
        "githubusercontent.com",
        "gitlab.io",
        "gitpod.io",
        "glitch.me",
        "herokuapp.com",
        "hf.space",
        "hosted.app",
        "lhr.life",
        "loca.lt",
        "modal.run",
        "mybluemix.net",
        "myshopify.com",
        "netlify.app",
        "ngrok-free.app",
        "ngrok-free.dev",
        "ngrok.app",
        "ngrok.dev",
        "ngrok.io",
        "notion.site",
        "onrender.com",
        "ondigitalocean.app",
        "pages.dev",
        "pythonanywhere.com",
        "r2.dev",
        "railway.app",
        "replit.app",
        "replit.dev",
        "repl.co",
        "run.app",
        "scw.cloud",
        "stackblitz.io",
        "streamlit.app",
        "supabase.co",
        "supabase.in",
        "surge.sh",
        "trycloudflare.com",
        "ts.net",
        "up.railway.app",
        "vercel.app",
        "vercel.dev",
        "wasabisys.com",
        "web.app",
        "webflow.io",
        "windows.net",
        "wixsite.com",
        "wordpress.com",
        "workers.dev",
    ]
)
# Whoever has an account gets names at several levels: bucket.s3.REGION, ID.execute-api.REGION.
_WHOLE = ("amazonaws.com", "amazonaws.com.cn", "on.aws", "windows.net", "azure.com", "run.app")


def is_public_suffix(domain: str) -> bool:
    """Return whether hosts under a domain belong to different owners.

    Args:
        domain: Lower case, such as `com` or `example.org`.
    """
    labels = domain.split(".")
    if len(labels) == 1 or domain in _PLATFORMS:
        return True
    if any(domain == whole or domain.endswith(f".{whole}") for whole in _WHOLE):
        return True
    return len(labels) == 2 and len(labels[1]) == _COUNTRY and labels[0] in _REGISTRIES  # noqa: PLR2004 - co.uk
