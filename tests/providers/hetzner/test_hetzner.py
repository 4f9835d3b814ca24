"""What Hetzner Cloud's answers mean: current prices, backups, what is not known, traffic."""

import copy
import datetime as dt
from decimal import Decimal

import pytest

from costmon.errors import ProviderError, ProviderSchemaError
from costmon.testing import Reply, StubServer
from costmon.testing.provider_contract import ACCOUNT, NOW, Recording, Vendor
from tests.providers.hetzner import answers as hetzner


@pytest.fixture
def server():
    with StubServer() as server:
        yield server


def vendor(server, answers):
    return Vendor(
        server,
        Recording(answers=answers),
        slug="hetzner",
        credentials={"token": "planted-token"},
        options={},
    )


def inventory(server, answers):
    with vendor(server, answers).provider() as provider:
        return provider.inventory(ACCOUNT, NOW)


def usage(server, answers):
    with vendor(server, answers).provider() as provider:
        return provider.usage(ACCOUNT, NOW)


def servers(server, *items):
    """Return the resources of an account that holds these servers."""
    answers = {**hetzner.NOTHING, "/servers": hetzner.page("servers", list(items))}
    return inventory(server, answers).resources


def test_each_kind_costs_what_the_price_list_says(server):
    found = inventory(server, hetzner.EVERYTHING).resources

    assert [(one.kind, one.name, one.monthly_cost) for one in found] == [
        ("server", "web-1", Decimal("3.49")),
        ("server", "web-2", Decimal("4.188")),
        ("server", "old", Decimal("3.49")),
        ("volume", "data", Decimal("4.4")),
        ("floating_ip", "moves", Decimal(3)),
        ("primary_ip", "v4", Decimal("0.5")),
        ("primary_ip", "v6", Decimal(0)),
        ("load_balancer", "lb", Decimal("5.39")),
        ("snapshot", "before the move", Decimal("0.1375")),
    ]
    assert {one.currency for one in found} == {"EUR"}
    assert {one.basis for one in found} == {"list_price"}


def test_backups_cost_a_percentage_of_their_server(server):
    (one,) = servers(server, hetzner.server(1, backup_window="22-02"))

    assert one.monthly_cost == Decimal("4.188")
    assert ("backups", "20.00 %") in one.details


def test_backups_without_a_percentage_are_not_in_the_price_and_named(server):
    pricing = copy.deepcopy(hetzner.PRICING)
    pricing["pricing"]["server_backup"]["percentage"] = "unknown"
    answers = {**hetzner.EVERYTHING, "/pricing": pricing}

    web = inventory(server, answers).resources[1]

    assert (web.monthly_cost, web.unpriced) == (
        Decimal("3.49"),
        "backups: their price is not known",
    )


def test_a_stopped_server_costs_as_much_and_is_waste(server):
    (one,) = servers(server, hetzner.server(1, status="off"))

    assert one.monthly_cost == Decimal("3.49")
    assert one.waste == "powered off, still charged in full"


def test_a_type_that_is_not_in_the_price_list_has_no_known_price(server):
    (one,) = servers(server, hetzner.server(1, kind="cx22"))

    assert (one.monthly_cost, one.unpriced) == (None, "the type 'cx22' has no known price")


def test_a_deprecated_type_is_priced_where_it_has_a_price(server):
    here, elsewhere = servers(
        server,
        hetzner.server(1, kind="cx11"),
        hetzner.server(2, kind="cx11", location=hetzner.location("nbg1")),
    )

    assert here.monthly_cost == Decimal("2.99")
    assert elsewhere.monthly_cost is None
    assert elsewhere.unpriced == "the type 'cx11' has no known price in nbg1"


def test_an_older_answer_has_its_location_in_the_datacenter(server):
    old = hetzner.server(1)
    del old["location"]

    (one,) = servers(server, old)

    assert (one.region, one.monthly_cost) == ("fsn1", Decimal("3.49"))


@pytest.mark.parametrize("net", ["", "free", "NaN", "-1.0", "1e400"])
def test_a_price_that_is_no_amount_is_not_known(server, net):
    pricing = copy.deepcopy(hetzner.PRICING)
    pricing["pricing"]["volume"]["price_per_gb_month"]["net"] = net
    answers = {**hetzner.EVERYTHING, "/pricing": pricing}

    volume = inventory(server, answers).resources[3]

    assert (volume.monthly_cost, volume.unpriced) == (None, "a gigabyte has no known price")


def test_a_snapshot_that_is_being_made_has_no_size_and_no_price(server):
    making = {**hetzner.SNAPSHOT, "image_size": None, "status": "creating"}
    answers = {**hetzner.NOTHING, "/images": hetzner.page("images", [making])}

    (one,) = inventory(server, answers).resources

    assert (one.monthly_cost, one.unpriced) == (None, "its size is not known")


def test_a_volume_may_have_a_size_with_decimals(server):
    answers = copy.deepcopy(hetzner.EVERYTHING)
    answers["/volumes"]["volumes"][0]["size"] = 12.5

    volume = inventory(server, answers).resources[3]

    assert (volume.size, volume.monthly_cost) == ("12.5 GB", Decimal("0.55"))


def test_only_snapshots_are_asked_for(server):
    inventory(server, hetzner.EVERYTHING)

    (asked,) = (one for one in server.asked if one.path == "/images")
    assert asked.query == {"type": "snapshot", "per_page": "50", "page": "1"}


def test_what_serves_nothing_is_waste(server):
    answers = copy.deepcopy(hetzner.EVERYTHING)
    answers["/volumes"]["volumes"][0]["server"] = None
    answers["/floating_ips"]["floating_ips"][0]["server"] = None
    answers["/primary_ips"]["primary_ips"][0]["assignee_id"] = None
    answers["/load_balancers"]["load_balancers"][0]["targets"] = []

    found = inventory(server, answers).resources

    assert {one.name: one.waste for one in found if one.waste} == {
        "old": "powered off, still charged in full",
        "data": "attached to no server",
        "moves": "assigned to no server",
        "v4": "assigned to nothing",
        "lb": "it has no targets",
    }


def test_without_prices_nothing_is_read(server):
    with pytest.raises(ProviderError) as caught:
        inventory(server, {**hetzner.EVERYTHING, "/pricing": Reply(status=500)})

    assert caught.value.reason == "server"


def test_one_kind_that_fails_leaves_the_others(server):
    found = inventory(server, {**hetzner.EVERYTHING, "/volumes": Reply(status=500)})

    assert [(one.kind, one.reason) for one in found.failed] == [("volume", "server")]
    assert len(found.resources) == 8


@pytest.mark.parametrize("following", [1, 3, 0])
def test_a_page_that_does_not_follow_is_incomplete(server, following):
    answers = {
        **hetzner.EVERYTHING,
        "/servers": hetzner.page("servers", hetzner.SERVERS, 1, following),
    }

    with pytest.raises(ProviderSchemaError, match="incomplete"):
        usage(server, answers)


def test_an_empty_page_that_promises_more_is_incomplete(server):
    answers = {**hetzner.EVERYTHING, "/servers": hetzner.page("servers", [], 1, 2)}

    with pytest.raises(ProviderSchemaError, match="incomplete"):
        usage(server, answers)


def test_a_later_page_that_is_refused_is_incomplete(server):
    answers = {**hetzner.TWO_PAGES, "/servers?page=2": Reply(status=403, body=b"{}")}

    with pytest.raises(ProviderSchemaError, match="page 2 is refused"):
        usage(server, answers)


def test_traffic_is_compared_with_what_is_included(server):
    one = usage(server, hetzner.EVERYTHING).quantities[0]

    assert (one.used, one.limit) == (Decimal("123.456789012"), Decimal("21990.23255552"))
    assert one.start == dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    assert one.resets_at == dt.datetime(2026, 12, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize("sent", [None, -5])
def test_traffic_that_is_not_known_is_a_gap_and_not_0(server, sent):
    items = [hetzner.server(1, outgoing_traffic=sent)]
    answers = {**hetzner.NOTHING, "/servers": hetzner.page("servers", items)}

    found = usage(server, answers)

    assert found.quantities == ()
    assert [gap.kind for gap in found.gaps] == ["server_egress of web-1"]
