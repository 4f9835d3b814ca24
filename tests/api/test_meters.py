"""What metered applications report, over HTTP."""

import json

import pytest

from costmon.errors import MailboxFullError
from costmon.state import meters
from tests.meter.dashboard.samples import HOSTILE, measured

METER = "/api/v1/meter"
RECORDING = "/api/v1/meter/recording"


def report(world, *snapshots):
    """Let one worker of each service report."""
    guard_state = world.meters.read()
    for number, snapshot in enumerate(snapshots):
        one = snapshot._replace(host="web-1", pid=100 + number, boot="b", processes=1)
        guard_state = meters.reported(guard_state, 1, one, world.clock.monotonic_s(), final=False)
    world.meters.publish(guard_state)


def test_before_anybody_reports_there_is_nothing(world):
    answer = world.client().get(METER)

    assert answer.json == {"data": None, "meta": {"services": []}}


def test_what_a_service_reports_is_projected(world):
    report(world, measured(3))

    data = world.client().get(METER).json["data"]

    assert data["service"] == "shop"
    assert data["processes"] == 1
    assert len(data["projection"]["routes"]) == 3


def test_a_service_is_chosen_by_name_and_other_users_are_projected(world):
    report(world, measured(1), measured(2, service="blog"))
    client = world.client()

    first = client.get(METER).json
    other = client.get(f"{METER}?service=shop&users=5000&rps=0.5").json

    assert first["meta"]["services"] == ["blog", "shop"]
    assert first["data"]["service"] == "blog"
    assert other["data"]["service"] == "shop"
    assert other["data"]["projection"]["target_users"] == 5000


def test_the_same_figures_are_not_sent_twice(world):
    report(world, measured(1))
    client = world.client()
    etag = client.get(METER).headers["ETag"]

    again = client.get(METER, headers={"If-None-Match": etag})

    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    ("query", "status"),
    [("users=0", 400), ("rps=nan", 400), ("colour=red", 400), ("service=nobody", 404)],
)
def test_what_cannot_be_answered_is_refused_with_what_is_accepted(world, query, status):
    report(world, measured(1))

    answer = world.client().get(f"{METER}?{query}")

    assert answer.status_code == status
    assert answer.json["message"]


def test_an_order_is_told_to_the_meters_actor(world):
    report(world, measured(1), measured(1, service="blog"))
    client = world.client()

    stopped = client.post(RECORDING, json={"action": "stop", "service": "shop"})
    begun = client.post(RECORDING, json={"action": "reset"})

    assert stopped.status_code == begun.status_code == 202
    assert stopped.json["data"] == {"recording": "first", "is_recording": False}
    assert [told.service for told in world.surveyed] == ["shop", "blog"]
    assert world.surveyed[0].control.is_recording is False
    assert world.surveyed[1].control.recording == begun.json["data"]["recording"] != "first"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"action": "explode"}, 400),
        ({"action": "stop", "more": 1}, 400),
        ({"action": "stop", "service": "nobody"}, 404),
        ([], 400),
    ],
)
def test_an_order_that_is_none_is_told_nobody(world, body, status):
    report(world, measured(1))

    answer = world.client().post(RECORDING, data=json.dumps(body))

    assert answer.status_code == status
    assert not world.surveyed


def test_too_many_orders_are_refused_for_now(world, monkeypatch):
    report(world, measured(1))

    def full(_message):
        raise MailboxFullError("meters")

    monkeypatch.setattr(world, "surveyed", type("Full", (), {"append": staticmethod(full)}))

    answer = world.client().post(RECORDING, json={"action": "stop"})

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_when_the_service_stops_nothing_is_answered(world):
    report(world, measured(1))
    client = world.client()
    world.cell.close()

    assert client.get(METER).status_code == 503
    assert client.post(RECORDING, json={"action": "stop"}).status_code == 503


def test_another_sites_page_may_not_order(world):
    report(world, measured(1))

    answer = world.client().post(
        RECORDING, json={"action": "stop"}, headers={"Origin": "http://evil.example"}
    )

    assert answer.status_code == 403
    assert not world.surveyed


def test_without_the_token_the_page_leads_to_the_login_and_figures_are_refused(guarded):
    client = guarded.client()

    page = client.get("/meter", headers={"Accept": "text/html"})

    assert (page.status_code, page.headers["Location"]) == (303, "/login")
    assert client.get(METER).status_code == 401
    with client.get("/static/meter/meter.js") as script:
        assert script.status_code == 200


def test_a_path_of_somebodys_prices_is_not_opened(world, tmp_path):
    seen = measured(1)
    own = tmp_path / "own.csv"
    report(world, seen._replace(options=seen.options._replace(prices=str(own))))

    assert world.client().get(METER).json["data"]["projection"] is not None


def test_a_hostile_service_is_only_text(world):
    report(world, measured(1, service=HOSTILE))

    answer = world.client().get(METER)

    assert answer.content_type == "application/json"
    assert answer.json["data"]["service"] == HOSTILE


def test_endpoints_are_in_the_metrics(world):
    report(world, measured(3), measured(1, service="blog"))

    text = world.client().get("/metrics").text

    assert text.count("costmon_endpoint_requests_total{") >= 4
    assert 'costmon_endpoint_processes{app="blog"} 1.0' in text
    assert "costmon_endpoint_cost_usd_total{" in text
