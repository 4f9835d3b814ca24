import datetime as dt
import http.client
import json
import threading
import time
from contextlib import ExitStack

import pytest

from costmon.api import MOST_WAITING, HttpServer
from tests.api.samples import circuit, policy

POLICY = "/api/v1/guard/policy"
CIRCUIT = "/api/v1/circuits/host:api.example.com"
FEW = dt.timedelta(seconds=0.5)


@pytest.fixture
def server(world):
    server = HttpServer(world.app(), "127.0.0.1", 0, "http", waiters=MOST_WAITING)
    server.prepare()
    server.start()
    yield server
    world.cell.close()
    world.policy.close()
    assert server.stop(5.0)


class Client:
    """One connection, and an answer that may come later."""

    def __init__(self, server, stack):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        stack.callback(self.connection.close)

    def ask(self, path, **headers):
        self.connection.request("GET", path, headers=headers)
        return self

    def answer(self):
        answer = self.connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()

    def now(self, path, **headers):
        return self.ask(path, **headers).answer()


@pytest.fixture
def clients(server):
    with ExitStack() as stack:
        yield lambda: Client(server, stack)


def waiting(world, count, within_s=10.0):
    """Wait until so many clients wait at the policy."""
    waiters = world.policy._changed._waiters
    deadline = time.monotonic() + within_s
    while len(waiters) != count:
        assert time.monotonic() < deadline, f"{len(waiters)} wait, not {count}"
        threading.Event().wait(0.005)


def everywhere(world, clients, path=POLICY, etag='"r1"'):
    """Take every place there is."""
    held = [
        clients().ask(f"{path}?wait=60", **{"If-None-Match": etag}) for _ in range(MOST_WAITING)
    ]
    waiting(world, MOST_WAITING)
    return held


def test_while_64_clients_wait_others_are_answered_at_once(world, clients):
    everywhere(world, clients)

    answers = [clients().now("/healthz")[0] for _ in range(50)]

    assert answers == [200] * 50
    waiting(world, MOST_WAITING)


def test_the_65th_is_asked_to_come_again(world, clients):
    everywhere(world, clients)

    status, headers, body = clients().now(f"{POLICY}?wait=30", **{"If-None-Match": '"r1"'})

    assert status == 503
    assert int(headers["Retry-After"]) > 0
    assert set(json.loads(body)) == {"error", "message"}


def test_policy_and_circuits_share_the_places(world, clients):
    etag = clients().now(CIRCUIT)[1]["ETag"]
    everywhere(world, clients)

    status, _, _ = clients().now(f"{CIRCUIT}?wait=30", **{"If-None-Match": etag})

    assert status == 503


def test_who_does_not_wait_needs_no_place(world, clients):
    everywhere(world, clients)

    assert clients().now(POLICY, **{"If-None-Match": '"r1"'})[0] == 304
    assert clients().now(POLICY)[0] == 200
    assert clients().now(CIRCUIT)[0] == 200


def test_a_change_wakes_all_64_within_a_second(world, clients):
    held = everywhere(world, clients)

    began = time.monotonic()
    world.policy.publish(policy("r2", circuits=[circuit()]))
    answers = [client.answer() for client in held]
    took_s = time.monotonic() - began

    assert {status for status, _, _ in answers} == {200}
    assert {json.loads(body)["data"]["revision"] for _, _, body in answers} == {"r2"}
    assert {headers["ETag"] for _, headers, _ in answers} == {'"r2"'}
    assert took_s < 1


def test_places_are_free_again_afterwards(world, clients):
    held = everywhere(world, clients)
    world.policy.publish(policy("r2"))
    assert {client.answer()[0] for client in held} == {200}

    everywhere(world, clients, etag='"r2"')


def test_a_client_that_left_frees_its_place_after_its_wait(world, clients):
    left = clients().ask(f"{POLICY}?wait=1", **{"If-None-Match": '"r1"'})
    waiting(world, 1)

    left.connection.close()

    waiting(world, 0, within_s=3)
    assert clients().ask(f"{POLICY}?wait=0").answer()[0] == 200


def test_a_stop_does_not_wait_for_who_waits(world):
    server = HttpServer(world.app(), "127.0.0.1", 0, "http", waiters=MOST_WAITING)
    server.prepare()
    server.start()
    with ExitStack() as stack:
        held = everywhere(world, lambda: Client(server, stack))

        began = time.monotonic()
        world.cell.close()
        world.policy.close()
        stopped = server.stop(3.0)
        took_s = time.monotonic() - began

        assert stopped
        assert took_s < 2
        answers = [client.answer() for client in held]
        assert {status for status, _, _ in answers} == {503}
        assert {"Retry-After" in headers for _, headers, _ in answers} == {True}


def test_without_a_change_the_answer_is_304_when_time_is_up(world, clients):
    began = time.monotonic()
    status, headers, body = clients().now(f"{POLICY}?wait=1", **{"If-None-Match": '"r1"'})

    assert (status, headers["ETag"], body) == (304, '"r1"', b"")
    assert 0.9 < time.monotonic() - began < 3


def test_who_knows_nothing_does_not_wait(world, clients):
    assert clients().now(f"{POLICY}?wait=60")[0] == 200
    assert clients().now(f"{POLICY}?wait=60", **{"If-None-Match": '"r0"'})[0] == 200
    assert clients().now(f"{CIRCUIT}?wait=60")[0] == 200


def test_opening_a_circuit_wakes_who_waits_at_a_scope_that_it_covers(world, clients):
    etag = clients().now(CIRCUIT)[1]["ETag"]
    covered = clients().ask(f"{CIRCUIT}?wait=60", **{"If-None-Match": etag})
    waiting(world, 1)

    world.policy.publish(policy("r2", circuits=[circuit("host:*.example.com")]))

    status, _, body = covered.answer()
    assert status == 200
    assert json.loads(body)["data"]["state"] == "open"
    assert json.loads(body)["data"]["circuit"] == "host:*.example.com"


def test_a_change_elsewhere_does_not_wake_who_waits_at_a_scope(world, clients):
    etag = clients().now(CIRCUIT)[1]["ETag"]
    other = clients().ask(f"{CIRCUIT}?wait=1", **{"If-None-Match": etag})
    waiting(world, 1)

    world.policy.publish(policy("r2", circuits=[circuit("host:other.example.com")]))

    assert other.answer()[0] == 304


def test_a_circuit_that_ends_by_itself_wakes_who_waits(world, clients):
    expires_at = world.clock.now() + FEW
    world.policy.publish(policy("r2", circuits=[circuit(expires_at=expires_at)]))
    _, headers, body = clients().now(CIRCUIT)
    assert json.loads(body)["data"]["state"] == "open"
    held = clients().ask(f"{CIRCUIT}?wait=60", **{"If-None-Match": headers["ETag"]})
    waiting(world, 1)

    world.clock.advance(FEW.total_seconds())

    status, _, body = held.answer()
    assert status == 200
    assert json.loads(body)["data"]["state"] == "closed"
