import gzip
import json

import pytest

from costmon.testing.samples import resource

CURRENT = "/api/v1/costs/current"
NO_DATA = {
    "error": "Not found",
    "message": "No cost data available yet. Wait for the next polling cycle.",
}


def test_before_the_first_poll_it_says_wait(world):
    answer = world.client().get(CURRENT)

    assert answer.status_code == 404
    assert answer.json == NO_DATA


def test_nothing_published_at_all_says_wait_too(world):
    world.cell = type(world.cell)()

    assert world.client().get(CURRENT).json == NO_DATA


def test_current_costs_are_served_from_memory(world):
    world.poll(resource("1", monthly="150.00"))

    answer = world.client().get(CURRENT)

    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.json["meta"] == {"source": "memory_store", "cached": True, "stale": False}
    assert answer.json["data"]["total_monthly"] == 150.0
    assert b'"total_monthly":150.00,' in answer.data


def test_a_closed_snapshot_is_unavailable(world):
    world.poll()
    world.cell.close()

    answer = world.client().get(CURRENT)

    assert answer.status_code == 503
    assert answer.json == {
        "error": "Service unavailable",
        "message": "Failed to connect to state store",
    }


def test_the_former_path_answers_the_same_json_itself(world):
    world.poll()
    client = world.client()

    former = client.get("/api/v1/domonitor/costs/current")

    assert former.status_code == 200
    assert former.data == client.get(CURRENT).data
    assert former.headers["ETag"] == client.get(CURRENT).headers["ETag"]


def test_an_unchanged_answer_is_not_sent_again(world):
    world.poll()
    client = world.client()
    etag = client.get(CURRENT).headers["ETag"]

    answer = client.get(CURRENT, headers={"If-None-Match": etag})

    assert answer.status_code == 304
    assert answer.data == b""
    assert answer.headers["ETag"] == etag
    assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("form", ["W/{}", '"other", {}', "*", '{} , W/"x"'])
def test_every_form_of_a_matching_etag_is_understood(world, form):
    world.poll()
    client = world.client()
    etag = client.get(CURRENT).headers["ETag"]

    answer = client.get(CURRENT, headers={"If-None-Match": form.format(etag)})

    assert answer.status_code == 304


def test_new_costs_have_a_new_etag(world):
    world.poll()
    client = world.client()
    etag = client.get(CURRENT).headers["ETag"]
    world.clock.advance(300)
    world.poll()

    answer = client.get(CURRENT, headers={"If-None-Match": etag})

    assert answer.status_code == 200
    assert answer.headers["ETag"] != etag


def test_a_client_that_takes_gzip_gets_gzip(world):
    world.poll(*(resource(str(n)) for n in range(50)))
    client = world.client()
    plain = client.get(CURRENT)

    packed = client.get(CURRENT, headers={"Accept-Encoding": "gzip, deflate, br"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert len(packed.data) < len(plain.data) / 3


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0"])
def test_a_client_that_does_not_take_gzip_gets_none(world, accepted):
    world.poll(*(resource(str(n)) for n in range(50)))

    answer = world.client().get(CURRENT, headers={"Accept-Encoding": accepted})

    assert "Content-Encoding" not in answer.headers
    assert json.loads(answer.data)


def test_a_body_above_a_megabyte_is_whole(world):
    world.poll(*(resource(str(n)) for n in range(1, 5001)))

    answer = world.client().get(CURRENT)

    assert int(answer.headers["Content-Length"]) == len(answer.data) > 1 << 20
    assert len(answer.json["data"]["droplets"]) == 5000


def test_the_age_is_told_in_seconds(world):
    world.poll()
    world.clock.advance(42)

    assert world.client().get(CURRENT).headers["Age"] == "42"


def test_a_failed_poll_makes_the_answer_stale_with_age_and_reason(world):
    world.poll()
    world.clock.advance(305)
    world.fail()
    world.clock.advance(12)

    meta = world.client().get(CURRENT).json["meta"]

    assert meta == {
        "source": "memory_store",
        "cached": True,
        "stale": True,
        "age_s": 310,
        "stale_since": "2026-11-21T10:05:05Z",
        "reason": "digitalocean: GET /v2/droplets: answered 500",
    }


def test_silence_makes_the_answer_stale_and_changes_the_etag(world):
    world.poll()
    client = world.client()
    etag = client.get(CURRENT).headers["ETag"]
    world.clock.advance(2 * 300 + 61)

    answer = client.get(CURRENT, headers={"If-None-Match": etag})

    assert answer.status_code == 200
    assert answer.json["meta"]["stale"] is True


def test_a_stale_answer_keeps_its_etag_for_ten_seconds(world):
    world.poll()
    client = world.client()
    world.clock.advance(1000)
    etag = client.get(CURRENT).headers["ETag"]

    world.clock.advance(9)
    within = client.get(CURRENT, headers={"If-None-Match": etag})
    world.clock.advance(1)
    after = client.get(CURRENT, headers={"If-None-Match": etag})

    assert (within.status_code, after.status_code) == (304, 200)


def test_head_has_the_headers_and_no_body(world):
    world.poll()

    client = world.client()

    answer = client.head(CURRENT)

    assert answer.status_code == 200
    assert answer.data == b""
    assert answer.headers["Content-Length"] == str(len(client.get(CURRENT).data))


def test_the_summary_has_totals_and_accounts(world):
    world.poll(resource(monthly="10"))
    world.clock.advance(7)

    answer = world.client().get("/api/v1/summary")

    assert answer.status_code == 200
    assert answer.json["data"]["total_monthly"] == 10.0
    [account] = answer.json["data"]["accounts"]
    assert account["state"] == "up"
    assert account["age_s"] == 7
    assert answer.json["meta"]["stale"] is False


def test_the_summary_before_the_first_poll_says_wait(world):
    assert world.client().get("/api/v1/summary").json == NO_DATA
