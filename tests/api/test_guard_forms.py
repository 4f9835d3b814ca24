import datetime as dt
import threading
import time

import pytest

from costmon.messages import CloseCircuit, OpenCircuit, RemoveBudget, SetBudget
from tests.api.samples import circuit, policy

OPEN = {
    "state": "open",
    "scope": "host:api.example.com",
    "reason": "it loops",
    "author": "ann",
    "expires_in_s": "3600",
}
BUDGET = {"scope": "global", "limit": "5", "period": "day", "currency": "USD", "author": "ann"}


@pytest.fixture
def client(world):
    # Whatever is told is done: the form does not wait.
    world.tell = lambda message: (
        world.told.append(message),
        world.policy.publish(policy(f"r{len(world.told) + 1}")),
    )
    return world.client()


def send(client, path, fields):
    return client.post(path, data=fields)


def test_opening_a_circuit_leads_back_to_the_page(world, client):
    answer = send(client, "/guard/circuits", OPEN)

    [command] = world.told
    assert (answer.status_code, answer.headers["Location"]) == (303, "/guard")
    assert isinstance(command, OpenCircuit)
    assert command.expires_at == world.clock.now() + dt.timedelta(hours=1)


def test_a_circuit_can_be_opened_until_somebody_closes_it(world, client):
    send(client, "/guard/circuits", {**OPEN, "expires_in_s": ""})

    assert world.told[0].expires_at is None


def test_closing_a_circuit(world, client):
    closing = {"state": "closed", "scope": "global", "reason": "fixed", "author": "bob"}

    assert send(client, "/guard/circuits", closing).status_code == 303
    assert isinstance(world.told[0], CloseCircuit)


def test_setting_and_removing_a_budget(world, client):
    assert send(client, "/guard/budgets", {**BUDGET, "warn": "", "block": ""}).status_code == 303
    assert send(client, "/guard/budgets/remove", BUDGET).status_code == 303

    assert [type(command) for command in world.told] == [SetBudget, RemoveBudget]
    assert world.told[0].budget.levels is None


@pytest.mark.parametrize(
    ("path", "fields", "fault"),
    [
        ("/guard/circuits", {}, "state"),
        ("/guard/circuits", {**OPEN, "scope": "nothing"}, "scope"),
        ("/guard/circuits", {**OPEN, "reason": " "}, "reason"),
        ("/guard/circuits", {**OPEN, "expires_in_s": "soon"}, "expires_in_s"),
        ("/guard/circuits", {**OPEN, "expires_in_s": "999999999"}, "expires_in_s"),
        ("/guard/circuits", {**OPEN, "expires_in_s": "9" * 5_000}, "expires_in_s"),
        ("/guard/budgets", {**BUDGET, "limit": "much"}, "limit"),
        ("/guard/budgets", {**BUDGET, "block": "200"}, "block"),
        ("/guard/budgets/remove", {"scope": "global"}, "period"),
    ],
)
def test_a_form_that_is_not_accepted_says_why_and_keeps_what_was_typed(
    world, client, path, fields, fault
):
    answer = send(client, path, fields)

    assert answer.status_code == 400
    assert answer.content_type.startswith("text/html")
    assert f'role="alert"><h1>Not accepted</h1><p class="bad">{fault}' in answer.text
    assert world.told == []


def test_what_was_typed_comes_back_as_text(client):
    answer = send(client, "/guard/circuits", {**OPEN, "scope": '"><script>alert(1)</script>'})

    assert answer.status_code == 400
    assert "<script" not in answer.text


def test_the_page_shows_what_was_done(world):
    def tell(message):
        world.told.append(message)
        done = policy("r2", circuits=[circuit(reason=message.reason)])
        timer = threading.Timer(0.05, world.policy.publish, [done])
        timer.start()

    world.tell = tell
    client = world.client()

    answer = client.post("/guard/circuits", data=OPEN, follow_redirects=True)

    assert answer.status_code == 200
    assert "it loops" in answer.text
    assert "1 circuit open" in answer.text


def test_a_command_that_changes_nothing_is_not_waited_for_long(world):
    began = time.monotonic()

    assert send(world.client(), "/guard/circuits", OPEN).status_code == 303
    assert time.monotonic() - began < 3


def test_while_the_service_stops_nothing_is_accepted(world):
    world.cell.close()

    assert send(world.client(), "/guard/circuits", OPEN).status_code == 503
    assert world.told == []


def test_a_form_of_a_logged_in_browser_is_accepted(guarded, token):
    client = guarded.client()
    client.post("/login", data={"token": token})
    guarded.policy.close()

    answer = client.post(
        "/guard/circuits", data=OPEN, headers={"Origin": "http://localhost", "Host": "localhost"}
    )

    assert answer.status_code == 303
    assert len(guarded.told) == 1
