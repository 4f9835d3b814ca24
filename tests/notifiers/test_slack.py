"""Slack's incoming webhooks over real HTTP."""

import json

import pytest

from costmon.errors import NotifyError
from costmon.notifiers.slack import SlackChannel
from costmon.sender import HttpSender
from costmon.testing import Reply, StubServer
from costmon.testing.alerts import alert

PATH = "/services/T000/B000/planted"


@pytest.fixture
def server():
    with StubServer() as stub:
        yield stub


def slack(server):
    return SlackChannel("ops", f"{server.url}{PATH}", HttpSender())


def test_slack_gets_title_and_text(server):
    server.answer(PATH, Reply(body=b"ok"))

    slack(server).send(alert(severity="critical"))

    (asked,) = server.asked
    assert json.loads(asked.body) == {
        "text": ":rotating_light: *Monthly run-rate above the threshold*\nToo much."
    }
    assert asked.headers["content-type"] == "application/json"


def test_a_name_is_no_mention_and_no_link(server):
    server.answer(PATH, Reply(body=b"ok"))

    slack(server).send(alert(text="<!channel> <https://evil.example|click> & more"))

    text = json.loads(server.asked[0].body)["text"]
    assert text.endswith("&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; more")


def test_a_long_text_is_cut_before_slack_refuses_it(server):
    server.answer(PATH, Reply(body=b"ok"))

    slack(server).send(alert(text="x" * 10_000))

    assert len(json.loads(server.asked[0].body)["text"]) < 4_000


@pytest.mark.parametrize(
    ("status", "said", "final"),
    [
        (400, "invalid_payload", True),
        (403, "action_prohibited", True),
        (404, "no_service", True),
        (410, "channel_is_archived", True),
        (429, "rate_limited", False),
        (500, "rollup_error", False),
    ],
)
def test_a_refusal_of_slack_says_why_and_whether_it_can_pass(server, status, said, final):
    server.answer(PATH, Reply(status=status, body=said.encode(), headers={"Retry-After": "7"}))

    with pytest.raises(NotifyError, match=said) as caught:
        slack(server).send(alert())

    assert (caught.value.is_final, caught.value.retry_after_s) == (final, 7.0)
    assert "planted" not in str(caught.value)


def test_a_slack_that_is_away_is_an_error_without_the_url():
    with StubServer() as server:
        pass

    with pytest.raises(NotifyError) as caught:
        slack(server).send(alert())

    assert "planted" not in f"{caught.value}{caught.value.__cause__}"
    assert not caught.value.is_final
