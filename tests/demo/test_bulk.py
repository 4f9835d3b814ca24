"""The very large account."""

import msgspec
import pytest

from costmon.demo import PageServer, bulk_pages


def test_pages_hold_every_droplet_once():
    pages = [msgspec.json.decode(page) for page in bulk_pages(450)]

    droplets = [droplet for page in pages for droplet in page["droplets"]]
    assert [len(page["droplets"]) for page in pages] == [200, 200, 50]
    assert len({droplet["id"] for droplet in droplets}) == 450
    assert len({droplet["size_slug"] for droplet in droplets}) > 3
    assert {page["meta"]["total"] for page in pages} == {450}
    assert "next" not in pages[-1]["links"]["pages"]


def test_a_page_is_as_long_as_a_real_one():
    (page,) = bulk_pages(200)

    assert 180_000 < len(page) < 200_000


def test_an_empty_account_has_one_empty_page():
    (page,) = bulk_pages(0)

    assert msgspec.json.decode(page)["droplets"] == []


@pytest.fixture
def large(read_from):
    server = PageServer(30, per_page=20)
    server.start()
    yield read_from(server)
    server.stop()


def test_pages_are_served_as_they_were_rendered(large):
    first = large.json("/v2/droplets", page=1, per_page=20)
    second = large.json("/v2/droplets", page=2, per_page=20)

    assert (len(first["droplets"]), len(second["droplets"])) == (20, 10)
    assert first["links"]["pages"]["next"] == large.get("/v2/droplets").url + "?page=2&per_page=20"


def test_the_large_account_holds_nothing_else(large):
    assert large.json("/v2/droplets", type="gpus")["droplets"] == []
    assert large.json("/v2/volumes")["volumes"] == []
    assert large.json("/v2/customers/my/balance")["month_to_date_usage"] == "0.00"
    assert large.get("/v2/registry/subscription").status_code == 404


def test_other_pages_than_the_rendered_ones_are_refused(large):
    assert large.get("/v2/droplets", page=3, per_page=20).status_code == 422
    assert large.get("/v2/droplets", page=1, per_page=7).status_code == 422
    assert large.get("/v2/droplets", token="Bearer wrong").status_code == 401
