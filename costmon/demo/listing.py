"""The lists that the vendor cuts into pages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from costmon.demo.answer import Answer, Request, ok, refusal
from costmon.demo.droplet_json import render_droplet, render_policies, render_size
from costmon.demo.holdings import Droplet, Holdings
from costmon.demo.infrastructure_json import (
    render_load_balancer,
    render_reserved_ip,
    render_reserved_ipv6,
    render_snapshot,
    render_volume,
)
from costmon.demo.page import PageError, cut, links, parse_page
from costmon.demo.service_json import (
    render_app,
    render_cluster,
)
from costmon.demo.size import SIZES

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Listing:
    """One such list.

    Attributes:
        name: The key that holds the rows in the answer.
        rows: Chooses all rows, given the query.
        render: Turns the rows of one page into what stands under the key.
    """

    name: str
    rows: Callable[[Holdings, Query], Sequence[Any]]
    render: Callable[[Sequence[Any]], Any]


def _each(render: Callable[[Any], dict[str, Any]]) -> Callable[[Sequence[Any]], Any]:
    return lambda rows: [render(row) for row in rows]


def _droplets(holdings: Holdings, query: Query) -> Sequence[Droplet]:
    droplets = holdings.gpu_droplets if query.get("type") == "gpus" else holdings.droplets
    tag = query.get("tag_name")
    return [droplet for droplet in droplets if tag is None or tag in droplet.tags]


def _backed_up(holdings: Holdings, _query: Query) -> Sequence[Droplet]:
    return [droplet for droplet in holdings.droplets if droplet.backups is not None]


LISTINGS: Mapping[str, Listing] = {
    "/v2/droplets": Listing("droplets", _droplets, _each(render_droplet)),
    "/v2/droplets/backups/policies": Listing("policies", _backed_up, render_policies),
    "/v2/sizes": Listing("sizes", lambda _, __: tuple(SIZES.values()), _each(render_size)),
    "/v2/volumes": Listing("volumes", lambda held, _: held.volumes, _each(render_volume)),
    "/v2/snapshots": Listing("snapshots", lambda held, _: held.snapshots, _each(render_snapshot)),
    "/v2/load_balancers": Listing(
        "load_balancers", lambda held, _: held.load_balancers, _each(render_load_balancer)
    ),
    "/v2/reserved_ips": Listing(
        "reserved_ips", lambda held, _: held.reserved_ips, _each(render_reserved_ip)
    ),
    "/v2/reserved_ipv6": Listing(
        "reserved_ipv6s", lambda held, _: held.reserved_ipv6, _each(render_reserved_ipv6)
    ),
    "/v2/kubernetes/clusters": Listing(
        "kubernetes_clusters", lambda held, _: held.clusters, _each(render_cluster)
    ),
    "/v2/apps": Listing("apps", lambda held, _: held.apps, _each(render_app)),
}


def page_of(
    request: Request,
    name: str,
    rows: Sequence[Any],
    render: Callable[[Sequence[Any]], Any],
    *,
    base_url: str,
    besides: Mapping[str, Any] | None = None,
) -> Answer:
    """Return the page that is asked for.

    Args:
        request: What is asked.
        name: The key that holds the rows.
        rows: All rows.
        render: Turns the rows of one page into what stands under the key.
        base_url: Scheme and authority, for the links between pages.
        besides: What else the page has.
    """
    try:
        page = parse_page(request.query)
    except PageError as error:
        return refusal(422, "unprocessable_entity", f"{error}.")
    return ok(
        {
            name: render(cut(rows, page)),
            **(besides or {}),
            **links(len(rows), page, url=base_url + request.path, query=request.query),
        }
    )
