"""What everything besides droplets costs, what is waste, and what is not known."""

import datetime as dt
import json
from decimal import Decimal

import pytest

from costmon.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderNotFoundError,
    ProviderPermissionError,
    ProviderRateLimitError,
    ProviderServerError,
    ProviderTimeoutError,
)
from costmon.providers.digitalocean import info
from costmon.providers.digitalocean.provider import DigitalOcean
from costmon.testing import FakeOutbound
from costmon.testing import digitalocean as do

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
KINDS = {
    "balance": do.BALANCE,
    "volume": do.VOLUMES,
    "snapshot": do.SNAPSHOTS,
    "load_balancer": do.LOAD_BALANCERS,
    "reserved_ip": do.RESERVED_IPS,
    "database": do.DATABASES,
    "kubernetes_cluster": do.CLUSTERS,
    "registry": do.REGISTRY,
    "app": do.APPS,
}
SCOPES = {
    "balance": "billing:read",
    "volume": "block_storage:read",
    "snapshot": "snapshot:read",
    "load_balancer": "load_balancer:read",
    "reserved_ip": "reserved_ip:read",
    "database": "database:read",
    "kubernetes_cluster": "kubernetes:read",
    "registry": "registry:read",
    "app": "app:read",
}


def failure(kind, path):
    return kind(provider="digitalocean", endpoint=f"GET {path}", detail="no", hint="none")


def encoded(answers):
    return {
        path: answer if isinstance(answer, ProviderError | bytes) else json.dumps(answer).encode()
        for path, answer in answers.items()
    }


def fetch(answers, prices=None):
    outbound = FakeOutbound(encoded({**do.empty_account(), **answers}))
    return DigitalOcean(outbound, prices or {}).inventory("work", NOW)


def one(path, key, item, prices=None, **answers):
    inventory = fetch({path: do.listing(key, [item]), **answers}, prices)
    (resource,) = [found for found in inventory.resources if found.kind != "droplet"]
    return resource


def volume(**changes):
    return one(do.VOLUMES, "volumes", do.volume() | changes)


def snapshot(**changes):
    return one(do.SNAPSHOTS, "snapshots", do.snapshot() | changes)


def load_balancer(**changes):
    return one(do.LOAD_BALANCERS, "load_balancers", do.load_balancer() | changes)


def database(prices=None, **changes):
    return one(do.DATABASES, "databases", do.database() | changes, prices)


def app(spec, prices=None):
    return one(do.APPS, "apps", do.app(spec={"name": "shop", **spec}), prices)


def test_the_balance_is_the_vendors_own_figure():
    balance = fetch(do.full_account()).balance

    assert balance is not None
    assert (balance.month_to_date_usage, balance.currency) == (Decimal("11.21"), "USD")
    assert balance.generated_at == dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC)


@pytest.mark.parametrize("usage", [None, "NaN", "-1.00", "1e999", "", "$4.00"])
def test_a_balance_that_is_no_amount_is_a_failed_kind(usage):
    answer = {"month_to_date_usage": usage, "generated_at": "2026-11-21T09:00:00Z"}

    inventory = fetch({do.BALANCE: answer})

    (failed,) = inventory.failed
    assert (failed.kind, failed.reason) == ("balance", "schema")
    assert "$.month_to_date_usage" in failed.message
    assert inventory.balance is None


def test_a_volume_costs_by_its_size():
    resource = volume(size_gigabytes=250)

    assert resource.monthly_cost == Decimal(25)
    assert (resource.size, resource.region, resource.waste) == ("250 GiB", "fra1", None)


@pytest.mark.parametrize("nobody", [[], None])
def test_a_volume_that_is_attached_to_nothing_is_waste(nobody):
    resource = volume(droplet_ids=nobody)

    assert resource.monthly_cost == Decimal(10)
    assert resource.waste == "not attached to a droplet, still charged in full"


def test_a_volume_whose_attachment_is_not_visible_is_not_called_waste():
    item = do.volume()
    del item["droplet_ids"]

    assert one(do.VOLUMES, "volumes", item).waste is None


def test_a_volume_without_a_size_has_no_known_price():
    resource = volume(size_gigabytes=None)

    assert (resource.monthly_cost, resource.unpriced) == (None, "its size is not visible")


def test_a_snapshot_costs_by_its_billable_size():
    resource = snapshot(size_gigabytes=2.34)

    assert resource.monthly_cost == Decimal("0.1404")
    assert resource.details == (("of", "droplet"), ("regions", "fra1"))


def test_a_snapshot_in_two_regions_has_no_single_one():
    resource = snapshot(regions=["fra1", "nyc3"])

    assert (resource.region, resource.details[1]) == (None, ("regions", "fra1,nyc3"))


@pytest.mark.parametrize(
    ("path", "key", "item", "where"),
    [
        (
            do.VOLUMES,
            "volumes",
            do.volume(size_gigabytes=-5),
            "$.volumes[0].size_gigabytes",
        ),
        (
            do.LOAD_BALANCERS,
            "load_balancers",
            do.load_balancer(size_unit=-1),
            "$.load_balancers[0].size_unit",
        ),
        (do.DATABASES, "databases", do.database(num_nodes=10**12), "$.databases[0].num_nodes"),
    ],
)
def test_a_quantity_that_cannot_be_fails_its_kind_and_says_where(path, key, item, where):
    (failed,) = fetch({path: do.listing(key, [item])}).failed

    assert f"at {where};" in failed.message


@pytest.mark.parametrize("size", [None, "", -0.1, "NaN"])
def test_a_snapshot_without_a_usable_size_is_unpriced(size):
    resource = one(do.SNAPSHOTS, "snapshots", do.snapshot(size_gigabytes=size))

    assert (resource.monthly_cost, resource.size) == (None, None)
    assert resource.unpriced == "its size is not visible"


@pytest.mark.parametrize(
    ("changes", "cost"),
    [
        ({"size_unit": 3}, 36),
        ({"type": None}, 24),
        ({"size_unit": None, "size": "lb-small"}, 12),
        ({"size_unit": None, "size": "lb-large"}, 72),
        ({"type": "REGIONAL_NETWORK"}, 15),
        ({"type": "GLOBAL", "size_unit": None}, 15),
    ],
)
def test_a_load_balancer_costs_by_type_and_nodes(changes, cost):
    resource = load_balancer(**changes)

    assert (resource.monthly_cost, resource.unpriced) == (Decimal(cost), None)


def test_a_load_balancer_whose_nodes_are_not_visible_has_no_known_price():
    resource = load_balancer(size_unit=None)

    assert resource.monthly_cost is None
    assert resource.unpriced == "its number of nodes is not visible"


def test_a_load_balancer_of_a_new_type_has_no_known_price():
    resource = load_balancer(type="ORBITAL")

    assert (resource.monthly_cost, resource.unpriced) == (None, "'orbital' has no known price")


@pytest.mark.parametrize(
    ("droplet", "cost", "is_waste"), [(None, 5, True), ({"id": 101, "name": "web"}, 0, False)]
)
def test_a_reserved_address_costs_only_while_it_is_unassigned(droplet, cost, is_waste):
    resource = one(do.RESERVED_IPS, "reserved_ips", do.reserved_ip(droplet=droplet))

    assert resource.monthly_cost == Decimal(cost)
    assert (resource.waste is not None) == is_waste


def test_a_reserved_address_whose_assignment_is_not_visible_has_no_known_price():
    item = do.reserved_ip()
    del item["droplet"]

    resource = one(do.RESERVED_IPS, "reserved_ips", item)

    assert (resource.monthly_cost, resource.waste) == (None, None)
    assert resource.unpriced == "whether it is assigned is not visible"


def test_a_database_costs_by_node():
    resource = database()

    assert (resource.monthly_cost, resource.basis) == (Decimal(60), "list_price")
    assert resource.details == (("engine", "pg"), ("nodes", "2"))
    assert resource.unpriced is None


def test_a_database_of_an_unlisted_size_has_no_known_price():
    resource = database(size="db-huge")

    assert (resource.monthly_cost, resource.unpriced) == (None, "'db-huge' has no known price")


def test_the_users_price_of_a_database_wins():
    resource = database({"database:db-s-1vcpu-2gb": Decimal("30.45")})

    assert (resource.monthly_cost, resource.basis) == (Decimal("60.90"), "manual")


def test_storage_beyond_a_databases_plan_is_said_to_be_missing():
    resource = database(storage_size_mib=61440)

    assert resource.monthly_cost == Decimal(60)
    assert resource.unpriced == "storage beyond what its plan includes, of 60 GiB"


def test_credentials_in_an_answer_go_nowhere():
    assert "not-for-anyone" not in repr(fetch(do.full_account()))


@pytest.mark.parametrize(("available", "cost"), [(True, 40), (False, 0)])
def test_a_control_plane_costs_only_when_highly_available(available, cost):
    resource = one(do.CLUSTERS, "kubernetes_clusters", do.cluster(ha=available, node_pools=[]))

    assert (resource.monthly_cost, resource.unpriced) == (Decimal(cost), None)


def test_worker_nodes_are_counted_once_as_droplets():
    worker = do.droplet(101, tags=["k8s", "k8s:k8s-1", "k8s:worker"])

    inventory = fetch(
        {
            do.DROPLETS: do.listing("droplets", [worker]),
            do.CLUSTERS: do.listing("kubernetes_clusters", [do.cluster(ha=False)]),
        }
    )

    assert [(found.kind, found.monthly_cost) for found in inventory.resources] == [
        ("droplet", Decimal(12)),
        ("kubernetes_cluster", Decimal(0)),
    ]
    assert inventory.resources[1].unpriced is None
    assert inventory.resources[1].details == (("worker_nodes", "1"),)


def test_worker_nodes_that_are_no_droplets_are_said_to_be_missing():
    pools = [{"nodes": [{"droplet_id": "7"}, {"droplet_id": "8"}, {"droplet_id": ""}]}]

    resource = one(do.CLUSTERS, "kubernetes_clusters", do.cluster(node_pools=pools))

    assert resource.unpriced == "2 worker nodes are not among the droplets seen"


def test_the_registry_costs_what_its_plan_says():
    (resource,) = fetch({do.REGISTRY: do.full_account()[do.REGISTRY]}).resources

    assert (resource.kind, resource.monthly_cost, resource.basis) == (
        "registry",
        Decimal("5.00"),
        "plan",
    )


@pytest.mark.parametrize("answer", [{"subscription": None}, failure(ProviderNotFoundError, "x")])
def test_no_registry_is_no_resource_and_no_gap(answer):
    inventory = fetch({do.REGISTRY: answer})

    assert (inventory.resources, inventory.gaps) == ((), ())


def test_a_registry_plan_without_a_price_is_unknown():
    (resource,) = fetch({do.REGISTRY: {"subscription": {"tier": None}}}).resources

    assert (resource.monthly_cost, resource.unpriced) == (None, "its plan has no visible price")


def service(size="apps-s-1vcpu-0.5gb", **changes):
    return {"name": "web", "instance_size_slug": size, **changes}


@pytest.mark.parametrize(
    ("spec", "cost"),
    [
        ({"services": [service(instance_count=3)]}, 15),
        ({"services": [service()]}, 5),
        ({"services": [service()], "workers": [service(instance_count=2)]}, 15),
        ({"services": [service(instance_count=0)]}, 0),
        ({"databases": [{"name": "db", "production": True}]}, 0),
        ({}, 0),
    ],
)
def test_an_app_costs_by_instance(spec, cost):
    resource = app(spec)

    assert (resource.monthly_cost, resource.unpriced) == (Decimal(cost), None)


def test_an_app_that_scales_is_priced_at_its_least_and_says_so():
    resource = app(
        {"services": [service(autoscaling={"min_instance_count": 2, "max_instance_count": 5})]}
    )

    assert resource.monthly_cost == Decimal(10)
    assert resource.unpriced == "scales from 2 to 5 instances"


def test_an_instance_size_without_a_price_is_unknown():
    resource = app({"services": [service(), service(size="apps-new")]})

    assert resource.monthly_cost == Decimal(5)
    assert resource.unpriced == "instance size 'apps-new' has no known price"


def test_what_the_api_names_no_price_of_is_listed_with_the_app():
    resource = app(
        {
            "static_sites": [{"name": "docs"}],
            "jobs": [service()],
            "functions": [{"name": "f"}],
            "databases": [{"name": "dev"}],
        }
    )

    assert resource.monthly_cost is None
    assert resource.unpriced == (
        "1 static sites; 1 jobs, charged while they run; 1 functions, charged by use; "
        "1 development databases"
    )


@pytest.mark.parametrize("price", ["-5.00", "NaN", None])
def test_an_app_whose_instances_have_no_usable_price_is_unpriced(price):
    sizes = {"instance_sizes": [{"slug": "apps-s-1vcpu-0.5gb", "usd_per_month": price}]}

    inventory = fetch({do.APPS: do.listing("apps", [do.app()]), do.INSTANCE_SIZES: sizes})

    (resource,) = inventory.resources
    assert resource.monthly_cost is None
    assert "has no known price" in (resource.unpriced or "")


def test_what_the_api_cannot_price_is_always_listed():
    listed = {entry.kind for entry in fetch({}).not_priced}

    assert listed >= {"spaces", "nfs", "nat_gateway", "function", "transfer"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_is_refused_is_a_gap_that_names_its_scope(kind):
    inventory = fetch(
        {**do.full_account(), KINDS[kind]: failure(ProviderPermissionError, KINDS[kind])}
    )

    (gap,) = inventory.gaps
    assert gap.kind == kind
    assert gap.reason == f"not visible with this token (needs {SCOPES[kind]})"
    assert kind not in {resource.kind for resource in inventory.resources}
    assert len(inventory.resources) == (11 if kind == "balance" else 10)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_fails_is_named_and_the_others_are_read(kind):
    whole = fetch(do.full_account())

    inventory = fetch({**do.full_account(), KINDS[kind]: failure(ProviderServerError, KINDS[kind])})

    (failed,) = inventory.failed
    assert (failed.kind, failed.reason) == (kind, "server")
    assert KINDS[kind] in failed.message
    assert inventory.resources == tuple(it for it in whole.resources if it.kind != kind)
    assert inventory.gaps == ()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [ProviderAuthError, ProviderRateLimitError])
def test_what_is_about_the_token_fails_the_cycle(kind, error):
    with pytest.raises(error):
        fetch({**do.full_account(), KINDS[kind]: failure(error, KINDS[kind])})


@pytest.mark.parametrize("path", [do.SIZES, do.POLICIES, do.GPU_DROPLETS])
def test_what_droplets_are_priced_with_belongs_to_their_kind(path):
    backed_up = do.droplet(7, features=["backups"])
    del backed_up["size"]
    answers = {
        **do.empty_account(),
        do.DROPLETS: do.listing("droplets", [backed_up]),
        path: failure(ProviderServerError, path),
    }

    (failed,) = fetch(answers).failed

    assert failed.kind == "droplet"


def test_clusters_do_not_miss_their_workers_when_droplets_could_not_be_read():
    answers = {**do.full_account(), do.DROPLETS: failure(ProviderServerError, do.DROPLETS)}

    (cluster,) = [it for it in fetch(answers).resources if it.kind == "kubernetes_cluster"]

    assert "not among the droplets" not in (cluster.unpriced or "")


def test_when_every_kind_fails_the_first_error_is_raised():
    broken = {
        path: failure(ProviderServerError, path)
        for path in [*KINDS.values(), do.DROPLETS, do.SIZES, do.POLICIES]
        if path != do.BALANCE
    }

    with pytest.raises(ProviderServerError) as caught:
        fetch({**do.full_account(), **broken})

    assert caught.value.endpoint == f"GET {do.DROPLETS}"


def test_a_vendor_that_does_not_answer_is_not_asked_for_every_kind():
    outbound = FakeOutbound(
        encoded(do.full_account())
        | {path: failure(ProviderTimeoutError, path) for path in [*KINDS.values(), do.DROPLETS]}
    )

    with pytest.raises(ProviderTimeoutError):
        DigitalOcean(outbound, {}).inventory("work", NOW)

    assert len(outbound.asked) == 2


def test_every_scope_that_a_gap_names_is_among_those_asked_for():
    everything = {
        path: failure(ProviderPermissionError, path)
        for path in [*KINDS.values(), do.DROPLETS, do.SIZES, do.POLICIES]
        if path != do.BALANCE
    }

    gaps = fetch(everything).gaps

    named = {gap.reason.partition("needs ")[2].rstrip(")") for gap in gaps}
    assert named <= set(info.scopes)


def test_the_same_volume_on_two_pages_is_counted_once():
    inventory = fetch(
        do.pages(do.VOLUMES, [do.volume("a"), do.volume("a"), do.volume("b")], size=1)
    )

    assert [found.id for found in inventory.resources] == ["a", "b"]
