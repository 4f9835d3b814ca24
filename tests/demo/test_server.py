"""The simulated vendor as a client meets it: real HTTP."""

import re
import threading
from typing import Any

import pytest

from costmon.demo import DemoServer
from costmon.demo.account import KINDS
from costmon.demo.page import Page, parse_page

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NUMBER = (int, float)

# Every field that costs are computed from, with the type that the vendor documents.
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "/v2/droplets": (
        "droplets",
        {
            "id": int,
            "name": str,
            "status": str,
            "created_at": TIME,
            "features": list,
            "size_slug": str,
            "size.slug": str,
            "size.price_monthly": NUMBER,
            "size.price_hourly": NUMBER,
            "region.slug": str,
            "tags": list,
            "networks": dict,
        },
    ),
    "/v2/sizes": ("sizes", {"slug": str, "price_monthly": NUMBER, "price_hourly": NUMBER}),
    "/v2/volumes": (
        "volumes",
        {
            "id": UUID,
            "name": str,
            "size_gigabytes": int,
            "droplet_ids": list,
            "created_at": TIME,
            "region.slug": str,
        },
    ),
    "/v2/snapshots": (
        "snapshots",
        {
            "id": str,
            "size_gigabytes": NUMBER,
            "resource_type": str,
            "created_at": TIME,
            "regions": list,
        },
    ),
    "/v2/load_balancers": (
        "load_balancers",
        {"id": UUID, "size_unit": int, "type": str, "created_at": TIME, "region.slug": str},
    ),
    "/v2/reserved_ips": ("reserved_ips", {"ip": str, "region.slug": str}),
    "/v2/reserved_ipv6": ("reserved_ipv6s", {"ip": str, "region_slug": str, "reserved_at": TIME}),
    "/v2/databases": (
        "databases",
        {
            "id": UUID,
            "engine": str,
            "size": str,
            "num_nodes": int,
            "region": str,
            "storage_size_mib": int,
            "created_at": TIME,
        },
    ),
    "/v2/kubernetes/clusters": (
        "kubernetes_clusters",
        {
            "id": UUID,
            "name": str,
            "ha": bool,
            "region": str,
            "node_pools.0.size": str,
            "node_pools.0.count": int,
            "node_pools.0.nodes.0.droplet_id": str,
            "created_at": TIME,
        },
    ),
    "/v2/apps": (
        "apps",
        {
            "id": UUID,
            "spec.name": str,
            "spec.services.0.instance_count": int,
            "spec.services.0.instance_size_slug": str,
            "region.slug": str,
            "created_at": TIME,
        },
    ),
    "/v2/apps/tiers/instance_sizes": (
        "instance_sizes",
        {"slug": str, "usd_per_month": str, "usd_per_second": str},
    ),
}


def pick(row, path):
    for key in path.split("."):
        row = row[int(key)] if isinstance(row, list) else row[key]
    return row


@pytest.mark.parametrize("path", SHAPES)
def test_a_list_has_the_vendors_shape(vendor, path):
    name, fields = SHAPES[path]

    rows = vendor.json(path)[name]

    assert rows
    for row in rows:
        for field, kind in fields.items():
            value = pick(row, field)
            if isinstance(kind, re.Pattern):
                assert kind.fullmatch(value), (field, value)
            else:
                assert isinstance(value, kind), (field, value)


def test_the_balance_is_text_throughout(vendor):
    balance = vendor.json("/v2/customers/my/balance")

    assert set(balance) == {
        "month_to_date_balance",
        "account_balance",
        "month_to_date_usage",
        "generated_at",
    }
    assert re.fullmatch(r"\d+\.\d\d", balance["month_to_date_usage"])
    assert TIME.fullmatch(balance["generated_at"])


def test_backup_policies_are_a_map_by_droplet_id(vendor):
    answer = vendor.json("/v2/droplets/backups/policies")

    plans = {policy["backup_policy"]["plan"] for policy in answer["policies"].values()}
    assert plans == {"daily", "weekly"}
    assert all(int(key) == policy["droplet_id"] for key, policy in answer["policies"].items())
    backed_up = {
        droplet["id"]
        for droplet in vendor.json("/v2/droplets")["droplets"]
        if "backups" in droplet["features"]
    }
    assert backed_up == {int(key) for key in answer["policies"]}


def test_the_registry_tells_its_price_in_cents(vendor):
    tier = vendor.json("/v2/registry/subscription")["subscription"]["tier"]

    assert tier["monthly_price_in_cents"] == 500
    assert vendor.json("/v2/registry")["registry"]["subscription"]["tier"] == tier


def test_the_account_names_its_team(vendor):
    assert UUID.fullmatch(vendor.json("/v2/account")["account"]["team"]["uuid"])


def test_gpu_droplets_are_listed_only_when_asked_for(vendor, clock):
    clock.elapsed_s = 105.0

    plain = vendor.json("/v2/droplets")["droplets"]
    gpus = vendor.json("/v2/droplets", type="gpus")["droplets"]

    assert not [droplet for droplet in plain if "gpu_info" in droplet]
    assert [droplet["gpu_info"]["count"] for droplet in gpus] == [1]


def test_droplets_come_and_go_as_time_passes(vendor, clock):
    seen = []
    for elapsed_s in (0.0, 10.0, 20.0):
        clock.elapsed_s = elapsed_s
        seen.append(vendor.json("/v2/droplets")["meta"]["total"])

    assert seen == sorted(set(seen))


def test_one_droplet_is_as_in_the_list(vendor):
    listed = vendor.json("/v2/droplets")["droplets"][0]

    assert vendor.json(f"/v2/droplets/{listed['id']}") == {"droplet": listed}


def test_pages_together_are_the_whole_list(vendor):
    whole = vendor.json("/v2/droplets", per_page=200)

    pages = [vendor.json("/v2/droplets", per_page=2, page=number) for number in (1, 2, 3)]

    assert "pages" not in whole["links"]
    assert whole["meta"]["total"] == 5
    assert [row for page in pages for row in page["droplets"]] == whole["droplets"]
    assert [page["links"]["pages"].get("next") for page in pages] == [
        f"{whole_url(vendor)}?per_page=2&page=2",
        f"{whole_url(vendor)}?per_page=2&page=3",
        None,
    ]


def whole_url(vendor):
    return vendor.get("/v2/droplets").url


def test_a_page_behind_the_last_one_is_empty(vendor):
    assert vendor.json("/v2/droplets", page=9)["droplets"] == []


def test_twenty_rows_come_when_nothing_is_said():
    assert parse_page({}) == Page(number=1, rows=20)


@pytest.mark.parametrize(
    "query", [{"per_page": "201"}, {"per_page": "0"}, {"page": "-1"}, {"page": "x"}, {"page": "²"}]
)
def test_a_page_that_the_vendor_does_not_serve_is_refused(vendor, query):
    answer = vendor.get("/v2/droplets", **query)

    assert answer.status_code == 422
    assert answer.json()["id"] == "unprocessable_entity"


@pytest.mark.parametrize("token", ["", "Bearer wrong", "demo-token", "Bearer dömo"])
def test_a_wrong_token_is_refused(vendor, token):
    answer = vendor.get("/v2/droplets", token=token.encode("latin-1"))

    assert answer.status_code == 401
    assert answer.json()["id"] == "unauthorized"


@pytest.mark.parametrize("path", ["/", "/v2/nothing", "/v2/droplets/1", "/v2/droplets/x/y"])
def test_what_does_not_exist_is_a_404_in_json(vendor, path):
    answer = vendor.get(path)

    assert answer.status_code == 404
    assert answer.json()["id"] == "not_found"


def test_nothing_can_be_changed(vendor):
    answer = vendor.post("/v2/droplets")

    assert answer.status_code == 405
    assert answer.json()["id"] == "method_not_allowed"


def test_the_rate_limit_counts_down_and_is_enforced(clock, read_from):
    server = DemoServer(clock, hourly_limit=2)
    server.start()
    try:
        vendor = read_from(server)

        answers = [vendor.get("/v2/account") for _ in range(3)]
        clock.elapsed_s = 3600.0
        later = vendor.get("/v2/account")
    finally:
        server.stop()

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer.headers["ratelimit-limit"] for answer in answers} == {"2"}
    reset = clock.now().timestamp()
    assert {answer.headers["ratelimit-reset"] for answer in answers} == {str(int(reset))}
    assert later.status_code == 200


def test_two_servers_with_one_seed_answer_alike(clock, server, vendor, read_from):
    twin = DemoServer(clock, seed=7)
    twin.start()
    try:
        other = read_from(twin)
        for path in KINDS:
            mine = vendor.get(path).text.replace(server.base_url, "")
            assert mine == other.get(path).text.replace(twin.base_url, "")
    finally:
        twin.stop()


def test_a_stop_ends_idle_connections_and_leaves_no_thread(clock, read_from):
    before = set(threading.enumerate())
    server = DemoServer(clock)
    server.start()
    idle = read_from(server)
    idle.json("/v2/account")

    server.stop()

    assert set(threading.enumerate()) == before


def test_a_server_that_never_started_can_be_stopped(clock):
    before = set(threading.enumerate())

    DemoServer(clock).stop()

    assert set(threading.enumerate()) == before
