"""Answer requests from what the account holds: the simulated vendor's routes, without a socket."""

from collections.abc import Callable, Mapping

from costmon.demo.answer import Answer, Request, ok, refusal
from costmon.demo.droplet_json import render_droplet
from costmon.demo.holdings import Holdings
from costmon.demo.invoices import answer_billing, billing_kind
from costmon.demo.listing import LISTINGS, page_of
from costmon.demo.service_json import (
    render_account,
    render_app_size,
    render_balance,
    render_database,
    render_registry,
    render_subscription,
)
from costmon.demo.size import APP_SIZES

# What a token without a scope cannot read; `/v2/droplets` also stands for one droplet.
KINDS: Mapping[str, str] = {
    "/v2/account": "account",
    "/v2/customers/my/balance": "balance",
    "/v2/droplets": "droplet",
    "/v2/droplets/backups/policies": "droplet",
    "/v2/sizes": "size",
    "/v2/volumes": "volume",
    "/v2/snapshots": "snapshot",
    "/v2/load_balancers": "load_balancer",
    "/v2/reserved_ips": "reserved_ip",
    "/v2/reserved_ipv6": "reserved_ip",
    "/v2/databases": "database",
    "/v2/kubernetes/clusters": "kubernetes_cluster",
    "/v2/registry": "registry",
    "/v2/registry/subscription": "registry",
    "/v2/apps": "app",
    "/v2/apps/tiers/instance_sizes": "app",
}

_DROPLETS = "/v2/droplets/"
_NOT_FOUND = refusal(404, "not_found", "The resource you were accessing could not be found.")


def kind_of(path: str) -> str | None:
    """Return the kind that a path reads; `None` for a path that does not exist."""
    if path in KINDS:
        return KINDS[path]
    if path.removeprefix(_DROPLETS).isdigit():
        return "droplet"
    return billing_kind(path)


def answer(request: Request, holdings: Holdings, *, base_url: str) -> Answer:
    """Return what the vendor would say to an authorised request.

    Args:
        request: What is asked.
        holdings: What exists at this moment.
        base_url: Scheme and authority, for the links between pages.
    """
    if kind_of(request.path) is None:
        return _NOT_FOUND
    if request.method != "GET":
        return refusal(405, "method_not_allowed", "This simulation can only be read.")
    if request.path in _ROUTES:
        return _ROUTES[request.path](holdings)
    if request.path in LISTINGS:
        return _paged(request, holdings, base_url=base_url)
    if billing_kind(request.path):
        return answer_billing(request, holdings, base_url=base_url)
    return _one_droplet(request.path, holdings)


def _paged(request: Request, holdings: Holdings, *, base_url: str) -> Answer:
    listing = LISTINGS[request.path]
    rows = listing.rows(holdings, request.query)
    return page_of(request, listing.name, rows, listing.render, base_url=base_url)


def _one_droplet(path: str, holdings: Holdings) -> Answer:
    wanted = int(path.removeprefix(_DROPLETS))
    for droplet in (*holdings.droplets, *holdings.gpu_droplets):
        if droplet.id == wanted:
            return ok({"droplet": render_droplet(droplet)})
    return _NOT_FOUND


def _registry(holdings: Holdings) -> Answer:
    if holdings.registry is None:
        return _NOT_FOUND
    return ok({"registry": render_registry(holdings.registry)})


def _subscription(holdings: Holdings) -> Answer:
    if holdings.registry is None:
        return _NOT_FOUND
    return ok({"subscription": render_subscription(holdings.registry)})


def _instance_sizes(_: Holdings) -> Answer:
    return ok({"discount_percent": 0, "instance_sizes": [render_app_size(s) for s in APP_SIZES]})


# Lists that the vendor gives whole, and single objects.
_ROUTES: Mapping[str, Callable[[Holdings], Answer]] = {
    "/v2/account": lambda held: ok({"account": render_account(held.account_id)}),
    "/v2/customers/my/balance": lambda held: ok(render_balance(held.balance)),
    "/v2/databases": lambda held: ok({"databases": [render_database(d) for d in held.databases]}),
    "/v2/registry": _registry,
    "/v2/registry/subscription": _subscription,
    "/v2/apps/tiers/instance_sizes": _instance_sizes,
}
