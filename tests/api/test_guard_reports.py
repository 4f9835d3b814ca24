import json
import threading

import pytest

from costmon.api import MOST_WAITING, HttpServer
from costmon.errors import MailboxFullError
from costmon.messages import GuardReported
from tests.api.samples import circuit, policy, report_body, report_bytes, told
from tests.api.test_server import talk

REPORTS = "/api/v1/guard/reports"
POLICY = "/api/v1/guard/policy"


def test_a_report_is_handed_to_the_policy_actor(world):
    answer = world.client().post(REPORTS, data=report_bytes())

    assert answer.status_code == 202
    assert answer.json == {"data": {"confirmed": None, "policy": "r1"}}
    [message] = world.told
    assert isinstance(message, GuardReported)
    assert message.report.guard == "9f3c"
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_answer_says_what_the_guard_may_forget(world):
    world.confirmed.publish({"9f3c": 5, "other": 9})

    assert world.client().post(REPORTS, data=report_bytes()).json["data"]["confirmed"] == 5


def test_a_report_is_taken_before_the_circuits_are_known(world):
    world.policy.publish(None)

    answer = world.client().post(REPORTS, data=report_bytes())

    assert (answer.status_code, answer.json["data"]["policy"]) == (202, None)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b"\xff", b"{" * 50_000, b'{"a":' * 9_000]
)
def test_nonsense_is_a_400_and_nobody_is_told(world, body):
    answer = world.client().post(REPORTS, data=body)

    assert answer.status_code == 400
    assert set(answer.json) == {"error", "message"}
    assert world.told == []


def test_a_fault_in_a_report_is_named_by_its_path(world):
    body = report_body()
    body["rows"][0]["scope"] = "nothing"

    answer = world.client().post(REPORTS, json=body)

    assert answer.status_code == 400
    assert "$.rows[0].scope" in answer.json["message"]


def test_a_report_that_is_too_large_is_a_413(world):
    padded = report_bytes(padding="x" * 61_000)

    assert world.client().post(REPORTS, data=padded).status_code == 413
    assert world.client().post(REPORTS, data=b" " * 70_000).status_code == 413
    assert world.told == []


def test_while_the_service_stops_reports_are_to_be_sent_again(world):
    world.cell.close()

    answer = world.client().post(REPORTS, data=report_bytes())

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert world.told == []


def test_when_the_policy_actor_cannot_keep_more_reports_are_to_be_sent_again(world):
    world.tell_error = MailboxFullError("policy")

    answer = world.client().post(REPORTS, data=report_bytes())

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_the_policy_is_told_exactly(world):
    world.policy.publish(
        policy("r7", budgets=[told("global", "0.000000001")], circuits=[circuit()])
    )

    answer = world.client().get(POLICY)

    assert answer.headers["ETag"] == '"r7"'
    assert answer.json["data"] == {
        "revision": "r7",
        "budgets": [
            {
                "scope": "global",
                "limit": "0.000000001",
                "period": "month",
                "currency": "USD",
                "warn": None,
                "block": None,
                "source": "file",
                "author": None,
            }
        ],
        "circuits": [
            {
                "scope": "host:api.example.com",
                "state": "open",
                "reason": "it spends too much",
                "author": "ann",
                "changed_at": "2026-11-21T10:00:00Z",
                "expires_at": None,
                "rule": None,
                "cause": None,
                "openings": 0,
                "trial_ends_at": None,
            }
        ],
    }


@pytest.mark.parametrize("tags", ['"r1"', 'W/"r1"', '"x", "r1"', "*"])
def test_who_has_the_policy_is_told_nothing(world, tags):
    answer = world.client().get(POLICY, headers={"If-None-Match": tags})

    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == '"r1"'


def test_before_the_database_is_read_the_policy_is_not_empty_but_unknown(world):
    world.policy.publish(None)

    answer = world.client().get(POLICY)

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_a_service_that_stops_has_no_policy(world):
    world.cell.close()

    assert world.client().get(POLICY).status_code == 503


@pytest.mark.parametrize(
    "query", ["wait=61", "wait=-1", "wait=1.5", "wait=", "wait=1&wait=2", "wait=\u0661", "weit=1"]
)
def test_only_0_to_60_seconds_can_be_waited(world, query):
    for path in (POLICY, "/api/v1/circuits/global"):
        answer = world.client().get(f"{path}?{query}")

        assert answer.status_code == 400
        assert "accepted" in answer.json["message"]


def test_not_ready_until_circuits_are_known(world):
    world.poll()
    world.policy.publish(None)

    answer = world.client().get("/readyz")

    checks = {check["name"]: check for check in answer.json["checks"]}
    assert answer.status_code == 503
    assert not checks["circuits_known"]["ok"]


def test_a_guard_reports_over_a_real_connection(world):
    server = HttpServer(world.app(), "127.0.0.1", 0, "http", waiters=MOST_WAITING)
    server.prepare()
    server.start()
    body = report_bytes()
    head = (
        f"POST {REPORTS} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    try:
        answer = talk(server.port, head.encode() + body)
    finally:
        assert server.stop(5.0)

    assert answer.startswith(b"HTTP/1.1 202")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["data"]["policy"] == "r1"
    assert not [t for t in threading.enumerate() if t.name.startswith("CP Server")]


WRITES = [
    ("POST", REPORTS, report_body()),
    ("PUT", "/api/v1/circuits/global", {"state": "open", "reason": "r", "author": "a"}),
    ("PUT", "/api/v1/budgets", {"scope": "global", "limit": "1", "period": "day"}),
    ("DELETE", "/api/v1/budgets?scope=global&period=day", None),
    ("POST", "/guard/circuits", None),
    ("POST", "/guard/budgets", None),
    ("POST", "/guard/budgets/remove", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_changes_nothing(world, method, path, body, headers):
    answer = world.client().open(path, method=method, json=body, headers=headers)

    assert answer.status_code == 403
    assert world.told == []


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_host_that_is_not_ours_changes_nothing(world, method, path, body):
    answer = world.client().open(path, method=method, json=body, headers={"Host": "evil.example"})

    assert answer.status_code == 421
    assert world.told == []


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_without_the_token_nothing_changes(guarded, method, path, body):
    answer = guarded.client().open(path, method=method, json=body)

    assert answer.status_code == 401
    assert guarded.told == []


@pytest.mark.parametrize(
    "path",
    [
        POLICY,
        "/api/v1/circuits",
        "/api/v1/circuits/global",
        "/api/v1/budgets",
        *(
            f"/api/v1/guard/{noun}"
            for noun in ("guards", "scopes", "leases", "refusals", "unpriced")
        ),
        "/guard",
    ],
)
def test_without_the_token_nothing_is_told(guarded, token, path):
    client = guarded.client()

    assert client.get(path).status_code == 401
    assert client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", REPORTS),
        ("PUT", POLICY),
        ("POST", "/api/v1/budgets"),
        ("DELETE", "/api/v1/circuits"),
    ],
)
def test_another_method_is_a_json_405(world, method, path):
    answer = world.client().open(path, method=method)

    assert answer.status_code == 405
    assert set(answer.json) == {"error", "message"}
    assert answer.headers["Allow"]


def test_a_browser_without_a_session_is_sent_from_the_guards_page_to_the_login(guarded):
    answer = guarded.client().get("/guard", headers={"Accept": "text/html"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
