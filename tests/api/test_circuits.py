import datetime as dt

import pytest

from costmon.errors import MailboxFullError
from costmon.messages import CloseCircuit, OpenCircuit
from tests.api.samples import HOUR, circuit, policy

CIRCUITS = "/api/v1/circuits"
WANTED = {"state": "open", "reason": "it loops", "author": "ann"}


def shown(world, scope):
    answer = world.client().get(f"{CIRCUITS}/{scope}")
    assert answer.status_code == 200, answer.text
    return answer.json["data"]


def test_every_circuit_is_listed(world):
    world.policy.publish(policy(circuits=[circuit(), circuit("key:b", state="closed")]))

    answer = world.client().get(CIRCUITS).json

    assert [row["scope"] for row in answer["data"]] == ["host:api.example.com", "key:b"]
    assert answer["meta"] == {"count": 2}


def test_a_scope_without_a_circuit_is_closed_and_no_404(world):
    assert shown(world, "host:api.example.com") == {
        "scope": "host:api.example.com",
        "state": "closed",
        "circuit": None,
        "reason": None,
        "author": None,
        "changed_at": None,
        "expires_at": None,
    }


@pytest.mark.parametrize(
    "pattern", ["global", "host:*", "host:*.openai.com", "host:api.openai.com", "provider:openai"]
)
def test_an_open_circuit_that_covers_a_scope_stops_it(world, pattern):
    world.policy.publish(policy(circuits=[circuit(pattern, expires_at=world.clock.now() + HOUR)]))

    found = shown(world, "host:api.openai.com")

    assert (found["state"], found["circuit"]) == ("open", pattern)
    assert found["reason"] == "it spends too much"
    assert found["expires_at"] == "2026-11-21T11:00:00Z"


@pytest.mark.parametrize("given", ["host:API.OpenAI.com", "host:https://api.openai.com:443/v1?k=s"])
def test_a_scope_has_one_spelling(world, given):
    answer = world.client().get(f"{CIRCUITS}/{given.partition('?')[0]}")

    assert answer.json["data"]["scope"] == "host:api.openai.com"


def test_a_value_may_have_slashes(world):
    world.policy.publish(policy(circuits=[circuit("key:a//b/c")]))

    assert shown(world, "key:a//b/c")["state"] == "open"


def test_an_expired_circuit_is_closed(world):
    world.policy.publish(policy(circuits=[circuit(expires_at=world.clock.now())]))

    assert shown(world, "host:api.example.com")["state"] == "closed"


def test_the_tag_of_a_scope_changes_with_its_state_alone(world):
    client = world.client()
    path = f"{CIRCUITS}/host:api.example.com"
    before = client.get(path).headers["ETag"]

    world.policy.publish(policy("r2", circuits=[circuit("key:b")]))
    assert client.get(path, headers={"If-None-Match": before}).status_code == 304

    world.policy.publish(policy("r3", circuits=[circuit()]))
    assert client.get(path, headers={"If-None-Match": before}).status_code == 200


@pytest.mark.parametrize("scope", ["nothing", "host:", "tag:a", "host:a%20b", "host:%00", "x:y"])
def test_what_is_no_scope_is_a_400(world, scope):
    client = world.client()

    assert client.get(f"{CIRCUITS}/{scope}").status_code == 400
    assert client.put(f"{CIRCUITS}/{scope}", json=WANTED).status_code == 400
    assert world.told == []


def test_opening_a_circuit_tells_the_policy_actor(world):
    answer = world.client().put(
        f"{CIRCUITS}/host:*.Example.com", json={**WANTED, "expires_in_s": 60}
    )

    [command] = world.told
    assert answer.status_code == 202
    assert answer.json == {"data": {"id": command.id, "status": "accepted"}}
    assert command == OpenCircuit(
        id=command.id,
        scope="host:*.example.com",
        reason="it loops",
        author="alice",
        expires_at=world.clock.now() + dt.timedelta(seconds=60),
    )


def test_closing_a_circuit_tells_the_policy_actor(world):
    world.client().put(f"{CIRCUITS}/global", json={**WANTED, "state": "closed"})

    [command] = world.told
    assert command == CloseCircuit(id=command.id, scope="global", reason="it loops", author="alice")


def test_a_circuit_without_an_expiry_stays_open(world):
    world.client().put(f"{CIRCUITS}/global", json={**WANTED, "expires_in_s": None})

    assert world.told[0].expires_at is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"state": "ajar"}, "$.state"),
        ({"state": None}, "$.state"),
        ({"reason": ""}, "reason"),
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": "a\nb"}, "reason"),
        ({"reason": "a\x1b[2Jb"}, "reason"),
        ({"reason": "a\u202eb"}, "reason"),
        ({"author": 1}, "$.author"),
        ({"expires_in_s": 0}, "expires_in_s"),
        ({"expires_in_s": -5}, "expires_in_s"),
        ({"expires_in_s": 10**12}, "expires_in_s"),
        ({"expires_in_s": 10**30}, "expires_in_s"),
        ({"expires_in_s": 1.5}, "expires_in_s"),
        ({"state": "closed", "expires_in_s": 60}, "expires_in_s"),
        ({"expire_in_s": 60}, "expire_in_s"),
    ],
)
def test_what_cannot_be_accepted_is_named_and_nobody_is_told(world, change, named):
    answer = world.client().put(f"{CIRCUITS}/global", json={**WANTED, **change})

    assert answer.status_code == 400
    assert named in answer.json["message"]
    assert world.told == []


@pytest.mark.parametrize("missing", ["state", "reason"])
def test_nothing_may_be_missing(world, missing):
    wanted = {name: value for name, value in WANTED.items() if name != missing}

    answer = world.client().put(f"{CIRCUITS}/global", json=wanted)

    assert answer.status_code == 400
    assert missing in answer.json["message"]


def test_words_of_people_may_be_in_any_language(world):
    reason = "zu teuer \N{EM DASH} 高すぎる 👩‍💻"

    world.client().put(f"{CIRCUITS}/global", json={**WANTED, "reason": reason})

    assert world.told[0].reason == reason


def test_while_the_service_stops_nothing_is_accepted(world):
    world.cell.close()

    answer = world.client().put(f"{CIRCUITS}/global", json=WANTED)

    assert answer.status_code == 503
    assert world.told == []


def test_a_command_that_cannot_be_kept_is_not_accepted(world):
    world.tell_error = MailboxFullError("policy")

    assert world.client().put(f"{CIRCUITS}/global", json=WANTED).status_code == 503


def test_circuits_that_are_not_known_are_not_called_closed(world):
    world.policy.publish(None)

    assert world.client().get(CIRCUITS).status_code == 503
    assert world.client().get(f"{CIRCUITS}/global").status_code == 503


def test_circuits_can_be_opened_before_they_are_known(world):
    world.policy.publish(None)

    assert world.client().put(f"{CIRCUITS}/global", json=WANTED).status_code == 202
