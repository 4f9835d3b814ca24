"""The answer about current costs is made once, before its snapshot is published."""

import pytest

from costmon.api import current_costs, representation
from costmon.testing.samples import resource
from tests.api.conftest import World

CURRENT = "/api/v1/costs/current"


@pytest.fixture
def encoded(monkeypatch):
    """Every snapshot that was encoded, in order."""
    snapshots = []
    encode = current_costs.encode_current

    def counted(snapshot):
        snapshots.append(snapshot)
        return encode(snapshot)

    monkeypatch.setattr(representation, "encode_current", counted)
    return snapshots


@pytest.fixture
def world():
    return World()


def names(client):
    return [row["name"] for row in client.get(CURRENT).json["data"]["droplets"]]


def test_what_was_prepared_is_served_without_being_encoded_again(world, encoded):
    world.poll()
    world.representations.prepare(world.cell.read())
    client = world.client()

    answers = {client.get(CURRENT, headers={"Accept-Encoding": form}).data for form in ("", "gzip")}
    world.clock.advance(3600)  # stale: another meta about the same figures
    assert client.get(CURRENT).json["meta"]["stale"] is True

    assert len(answers) == 1  # below the size from which gzip is worth it
    assert encoded == [world.cell.read()]


def test_what_nobody_prepared_is_encoded_by_the_first_who_asks(world, encoded):
    world.poll()
    client = world.client()

    assert names(client) == names(client) == ["web-1"]

    assert len(encoded) == 1


def etags(world, *snapshots):
    with world.app().test_request_context(CURRENT):
        return [dict(world.representations.answer(one)._ready_headers)["ETag"] for one in snapshots]


def test_while_the_next_is_prepared_and_published_every_reader_gets_a_ready_answer(world, encoded):
    world.poll(resource("1", name="old"))
    published = world.cell.read()
    world.representations.prepare(published)
    latest = world.polled(resource("2", name="new"))

    world.representations.prepare(latest)
    [before] = etags(world, published)
    world.cell.publish(latest)
    after, overtaken = etags(world, latest, published)

    assert before != after
    assert overtaken == after
    assert encoded == [published, latest]


def test_what_a_replaced_publisher_prepared_is_never_served(world, encoded):
    world.poll(resource("1", name="old"))
    published = world.cell.read()
    abandoned, latest = (world.polled(resource("2", name=name)) for name in ("lost", "new"))

    world.representations.prepare(abandoned)
    world.representations.prepare(latest)
    world.cell.publish(latest)

    assert names(world.client()) == ["new"]
    assert published not in encoded
