"""Open alerts over HTTP: the list, the page, and what people decide."""

import pytest

from costmon.alerts.memory import NOTHING_SAID, alert_id
from costmon.alerts.policy import acknowledged, began
from costmon.errors import MailboxFullError
from costmon.messages import AcknowledgeAlert, SnoozeAlert
from costmon.testing.alerts import condition

ALERTS = "/api/v1/alerts"
LOOP = alert_id("loop:openai")


@pytest.fixture
def told(world):
    memory = began(condition("c1"), NOTHING_SAID, world.clock.now()).memory
    world.announced.publish((memory,))
    return memory


def test_open_alerts_are_listed_with_what_they_say(world, told):
    answer = world.client().get(ALERTS)

    (row,) = answer.json["data"]
    assert (row["id"], row["condition"], row["severity"]) == (LOOP, "loop:openai", "warning")
    assert (row["title"], row["labels"]) == ("A loop burns money", {"provider": "openai"})
    assert row["since"] == "2026-11-21T10:00:00Z"
    assert row["acknowledged_by"] is None
    assert answer.json["meta"] == {"count": 1}


def test_who_has_acknowledged_is_shown(world, told):
    world.announced.publish((acknowledged(told, "ann", world.clock.now()),))

    (row,) = world.client().get(ALERTS).json["data"]

    assert (row["acknowledged_by"], row["acknowledged_at"]) == ("ann", "2026-11-21T10:00:00Z")


def test_alerts_that_are_not_known_yet_are_no_empty_list(world):
    world.announced.publish(None)

    answer = world.client().get(ALERTS)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "not known yet" in world.client().get("/alerts").text


def test_an_alert_is_acknowledged(world, told):
    answer = world.client().post(f"{ALERTS}/{LOOP}/acknowledge", json={"author": "ann"})

    (command,) = world.told
    assert answer.status_code == 202
    assert answer.json["data"] == {"id": command.id, "status": "accepted"}
    assert command == AcknowledgeAlert(id=command.id, condition="loop:openai", author="alice")


def test_an_acknowledgement_needs_no_body(world, told):
    assert world.client().post(f"{ALERTS}/{LOOP}/acknowledge").status_code == 202
    assert world.told[0].author == "alice"


def test_an_alert_is_snoozed(world, told):
    answer = world.client().post(f"{ALERTS}/{LOOP}/snooze", json={"duration_s": 60})

    assert answer.status_code == 202
    (command,) = world.told
    assert isinstance(command, SnoozeAlert)
    assert (command.until - world.clock.now()).total_seconds() == 60


@pytest.mark.parametrize(
    ("action", "body", "says"),
    [
        ("snooze", {"duration_s": 0}, "duration_s"),
        ("snooze", {"duration_s": 10**9}, "duration_s"),
        ("snooze", {}, "duration_s"),
        ("acknowledge", {"by": "ann"}, "by"),
    ],
)
def test_what_is_not_accepted_says_why(world, told, action, body, says):
    answer = world.client().post(f"{ALERTS}/{LOOP}/{action}", json=body)

    assert (answer.status_code, world.told) == (400, [])
    assert says in answer.json["message"]


def test_an_alert_that_is_not_open_is_not_found(world, told):
    answer = world.client().post(f"{ALERTS}/0123456789ab/acknowledge", json={"author": "ann"})

    assert (answer.status_code, world.told) == (404, [])
    assert ALERTS in answer.json["message"]


def test_a_full_mailbox_is_503(world, told):
    world.tell_error = MailboxFullError("alerter")

    assert world.client().post(f"{ALERTS}/{LOOP}/acknowledge").status_code == 503


@pytest.mark.parametrize("path", [f"{ALERTS}/{LOOP}/acknowledge", f"/alerts/{LOOP}/acknowledge"])
def test_a_decision_needs_the_token_and_our_own_page(world, told, path):
    client = world.client()

    assert world.stranger().post(path).status_code == 401
    assert client.post(path, headers={"Origin": "http://evil.example"}).status_code == 403
    assert world.told == []


def test_the_page_lists_alerts_with_buttons(world, told):
    page = world.client().get("/alerts").text

    assert "openai costs $40 per hour." in page
    assert f'action="/alerts/{LOOP}/acknowledge"' in page
    assert f'action="/alerts/{LOOP}/snooze"' in page


def test_the_pages_buttons_decide_and_lead_back(world, told):
    client = world.client()
    context = {"author": "ann", "duration_s": "3600"}

    answer = client.post(f"/alerts/{LOOP}/snooze", data=context)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/alerts")
    assert isinstance(world.told[0], SnoozeAlert)


@pytest.mark.parametrize("fields", [{}, {"duration_s": "0"}])
def test_a_form_that_is_not_accepted_shows_the_page_and_why(world, told, fields):
    answer = world.client().post(f"/alerts/{LOOP}/snooze", data=fields)

    assert (answer.status_code, world.told) == (400, [])
    assert "Not accepted" in answer.text


def test_no_text_of_an_alert_is_markup(world):
    hostile = condition("c1", title="<script>x</script>", text="<img src=x onerror=y>")
    world.announced.publish((began(hostile, NOTHING_SAID, world.clock.now()).memory,))

    page = world.client().get("/alerts").text

    assert "<script>x" not in page
    assert "<img src=x" not in page
