"""Open alerts over HTTP: the list, the page, and what people decide."""

from decimal import Decimal

import pytest

from costmon.alerts.memory import NOTHING_SAID, alert_id
from costmon.alerts.policy import acknowledged, began
from costmon.alerts.spend import spend_found
from costmon.domain.finding import Contribution, Series
from costmon.errors import MailboxFullError, StoreUnavailableError
from costmon.messages import AcknowledgeAlert, SnoozeAlert
from costmon.testing.alerts import condition
from tests.alerts.findings import spend_finding
from tests.api.samples import circuit, policy
from tests.web.test_page import Text

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
    answer = world.client().post(
        f"{ALERTS}/{LOOP}/acknowledge", json={"author": "ann", "reason": " known "}
    )

    (command,) = world.told
    assert answer.status_code == 202
    assert answer.json["data"] == {"id": command.id, "status": "accepted"}
    assert command == AcknowledgeAlert(
        id=command.id, condition="loop:openai", author="alice", reason="known"
    )


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
        ("acknowledge", {"reason": "a\nb"}, "reason"),
        ("snooze", {"duration_s": 60, "reason": "a" * 501}, "reason"),
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


SCOPE = "provider:openai"


@pytest.fixture
def found(world):
    """Let detection find something, tell it, and open a circuit."""
    now = world.clock.now()
    one = spend_finding(series=Series(SCOPE, "USD"), at=now, opened_at=now, since=now)
    world.findings = (one,)
    world.buckets = {now: Decimal(50)}
    world.announced.publish((began(spend_found(one), NOTHING_SAID, now).memory,))
    stop = circuit(SCOPE, changed_at=now, expires_at=None)
    world.policy.publish(policy(circuits=(stop,)))
    return one


def test_the_page_explains_a_finding_in_figures(world, found):
    source = world.client().get("/alerts").text

    shown = str(Text(source))
    for words in (
        "critical provider:openai: far above the usual",
        "observed $50.00",
        "usual $0.50 $0.40 to $0.60",
        "burned so far $49.50 above the usual",
        "per hour now $594.00",
        "$307,000.00 if it goes on",
        "confidence 99 %",
        "100 times the usual",
        "tag:a $49.00 (usual $0.25)",
        "circuit open provider:openai",
    ):
        assert words in shown
    assert "<rect" in source


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ("provider:openai", "No circuit stops these calls. Open one to let guards refuse them."),
        ("account:main", "a circuit of the provider, a host or a model lets guards refuse them."),
        ("endpoint:shop GET /u", "the application's own work, which no circuit stops."),
    ],
)
def test_the_page_offers_only_a_circuit_that_guards_obey(world, scope, said):
    world.findings = (spend_finding(series=Series(scope, "USD")),)

    assert said in str(Text(world.client().get("/alerts").text))


def test_the_findings_alert_is_decided_where_it_is_explained(world, found):
    alert = alert_id(f"finding:{SCOPE}:USD:burst")

    article = world.client().get("/alerts").text.partition("<article")[2].partition("</article>")[0]

    assert f'action="/alerts/{alert}/acknowledge"' in article
    assert f'action="/alerts/{alert}/snooze"' in article


def test_the_circuit_of_a_finding_is_reset_on_the_page(world, found):
    form = {"state": "closed", "scope": SCOPE, "reason": "it was a test", "author": "ann"}

    assert 'name="page" value="alerts"' in world.client().get("/alerts").text
    answer = world.client().post("/guard/circuits", data={**form, "page": "alerts"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/alerts")
    assert world.told[0].scope == SCOPE


def test_findings_that_cannot_be_read_do_not_hide_alerts(world, told):
    world.history_error = StoreUnavailableError("the database is away")

    page = world.client().get("/alerts").text

    assert "Findings cannot be read" in page
    assert "openai costs $40 per hour." in page


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.mark.parametrize("state", ["opened", "resolved"])
def test_no_name_in_a_finding_is_markup(world, found, state):
    series = Series(f"tag:{HOSTILE}", "USD")
    contributor = Contribution(f"key:{HOSTILE}", 2.0, 1.0)
    one = spend_finding(
        id=HOSTILE, series=series, state=state, contributors=(contributor,), why=(HOSTILE,)
    )
    world.findings = (one, spend_finding(id="part", series=series, part_of=HOSTILE))
    world.policy.publish(
        policy(circuits=(circuit("global", reason=HOSTILE, author=HOSTILE, cause="finding"),))
    )

    page = world.client().get("/alerts").text

    assert "<script" not in page
    assert "<img src=x" not in page
    assert not [name for _, names in Text(page).tags for name in names if name.startswith("on")]
