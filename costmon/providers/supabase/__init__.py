"""Supabase: plans, projects and their add-ons at list price, and what the projects use."""

import base64
import re
from urllib.parse import urlsplit

from costmon.config.parsers import Refused, api_url
from costmon.providers.base import Credential, Hint, Option, Provider, ProviderInfo, ProviderSetup

_REF = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_PROJECT_DOMAIN = ".supabase.co"


def _project_ref(text: str) -> str:
    if _REF.fullmatch(text) is None:
        raise Refused("the reference of a project, such as abcdefghijklmnopqrst")
    return text


def _ref_of_url(text: str) -> str | None:
    """Return the reference in a project's URL; `None` for an own domain or a local stack."""
    try:
        host = urlsplit(text).hostname or ""
    except ValueError:
        return None
    ref = host.removesuffix(_PROJECT_DOMAIN)
    return ref if ref != host and _REF.fullmatch(ref) else None


def _metrics(text: str) -> str | None:
    if text.lower() in {"on", "off"}:
        return None if text.lower() == "off" else "on"
    try:
        return api_url(text)
    except Refused as refused:
        msg = f"on, off, or {refused}"
        raise Refused(msg) from None


info = ProviderInfo(
    slug="supabase",
    title="Supabase",
    docs="https://supabase.com/docs/reference/api/introduction",
    hosts=("api.supabase.com", f"*{_PROJECT_DOMAIN}"),
    credentials=(
        Credential(
            key="token",
            name="SUPABASE_ACCESS_TOKEN",
            accepted="a personal access token (sbp_...), best one with read scopes only",
            meaning="The token of the account `supabase`. SUPABASE_ANON_KEY is a project's key and "
            "can read nothing of what costmon reads.",
        ),
        Credential(
            key="metrics_key",
            name="SUPABASE_METRICS_KEY",
            accepted="a secret key (sb_secret_...) of the one project",
            meaning="Only for SUPABASE_METRICS. It is full access to the project's database, past "
            "row-level security: make one for this use alone, or do without.",
            required=False,
        ),
    ),
    options=(
        Option(
            key="project_ref",
            name="SUPABASE_PROJECT_REF",
            default_words="the one in SUPABASE_URL; without it, every project",
            accepted="the reference of a project",
            meaning="The project whose use is read. Plans and add-ons are those of all projects.",
            parse=_project_ref,
        ),
        Option(
            key="url",
            name="SUPABASE_URL",
            default_words="none",
            accepted="a project's URL, https://<ref>.supabase.co",
            meaning="Looked at for the project's reference only.",
            parse=_ref_of_url,
        ),
        Option(
            key="metrics",
            name="SUPABASE_METRICS",
            default_words="off",
            accepted="`on`, `off`, or the base URL of the project",
            meaning="Whether the project's Prometheus metrics are read, too, with "
            "SUPABASE_METRICS_KEY.",
            parse=_metrics,
        ),
    ),
    hints=tuple(
        Hint(
            name=name,
            text="it is for applications and reads neither plans nor use; make a personal access "
            "token with read scopes and set SUPABASE_ACCESS_TOKEN",
        )
        for name in ("SUPABASE_URL", "SUPABASE_ANON_KEY")
    ),
    readings=("inventory", "charges", "usage"),
    least_usage_interval_s=300.0,
    read_only_posts=("/v1/projects/*/database/query/read-only",),
    url_variable="SUPABASE_API_URL",
    default_url="https://api.supabase.com",
    scopes=(
        "organizations_read",
        "organization_admin_read",
        "projects_read",
        "infra_add_ons_read",
        "infra_disk_config_read",
        "analytics_usage_read",
        "edge_functions_read",
        "database_read",
    ),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    from costmon.providers.supabase.metrics import Metrics
    from costmon.providers.supabase.provider import Supabase

    ref = setup.options.get("project_ref") or setup.options.get("url")
    where = setup.options.get("metrics")
    key = setup.credentials.get("metrics_key")
    project_ref = str(ref) if ref else None
    metrics = None
    if where:
        outbound = None
        if key and project_ref and setup.connect is not None:
            base_url = f"https://{project_ref}{_PROJECT_DOMAIN}" if where == "on" else str(where)
            user = base64.b64encode(f"service_role:{key}".encode()).decode()
            outbound = setup.connect(base_url, {"Authorization": f"Basic {user}"})
        metrics = Metrics(outbound, has_key=bool(key))
    return Supabase(setup.outbound, setup.prices, project_ref=project_ref, metrics=metrics)
