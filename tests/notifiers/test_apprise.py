"""Apprise, by the service that posts JSON to a URL: what arrives, and what refusals say."""

import json
import logging
import sys

import pytest

from costmon.errors import MissingPackageError, NotifyError
from costmon.notifiers.apprise import AppriseChannel
from costmon.testing import Reply, StubServer
from costmon.testing.alerts import alert

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def server():
    with StubServer() as stub:
        yield stub


def channel(server):
    return AppriseChannel("ops", f"{server.url.replace('http', 'json')}/planted")


def test_title_text_and_kind_arrive(server):
    server.answer("/planted/", Reply(status=200))
    server.answer("/planted", Reply(status=200))

    channel(server).send(alert(severity="critical"))
    channel(server).send(alert(severity="info", state="resolved"))

    first, last = (json.loads(asked.body) for asked in server.asked)
    assert (first["title"], first["message"], first["type"]) == (
        "Monthly run-rate above the threshold",
        "Too much.",
        "failure",
    )
    assert (last["title"], last["type"]) == (
        "Resolved: Monthly run-rate above the threshold",
        "success",
    )


def test_a_refusal_is_tried_again_and_the_url_is_in_no_error_and_no_log(server, caplog):
    caplog.set_level(logging.WARNING)  # the service logs no less of its libraries
    server.answer("/planted", Reply(status=500))

    with pytest.raises(NotifyError, match="could not deliver") as caught:
        channel(server).send(alert())

    assert not caught.value.is_final
    assert "planted" not in f"{caught.value}{caplog.text}"


def test_a_url_that_apprise_does_not_know_is_refused_for_good():
    with pytest.raises(NotifyError, match="understands") as caught:
        AppriseChannel("ops", "planted://x").send(alert())

    assert caught.value.is_final
    assert "planted" not in str(caught.value)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)

    with pytest.raises(MissingPackageError, match=r"costmon\[apprise\]"):
        AppriseChannel("ops", "json://127.0.0.1/planted")
