"""What tests can make go wrong with the simulated vendor."""

import threading

import pytest
import requests

from costmon.demo import DemoServer


def test_the_next_answers_fail_and_then_it_recovers(server, vendor):
    server.faults.fail_next(2, status=429, headers={"Retry-After": "3"})

    answers = [vendor.get("/v2/account") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "3"
    assert answers[0].json()["id"] == "too_many_requests"


def test_faults_are_used_up_in_the_order_they_were_asked_for(server, vendor):
    server.faults.html_next()
    server.faults.fail_next(status=503)

    first, second = vendor.get("/v2/account"), vendor.get("/v2/account")

    assert (first.status_code, first.headers["Content-Type"]) == (200, "text/html")
    assert first.text.startswith("<!doctype")
    assert second.status_code == 503


def test_a_forbidden_kind_is_refused_and_others_are_not(server, vendor):
    server.faults.forbid("database")

    refused = vendor.get("/v2/databases")

    assert refused.status_code == 403
    assert refused.json()["id"] == "forbidden"
    assert vendor.get("/v2/volumes").status_code == 200
    server.faults.allow("database")
    assert vendor.get("/v2/databases").status_code == 200


def test_a_truncated_answer_ends_before_its_announced_length(server, vendor):
    server.faults.truncate_next()

    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        vendor.get("/v2/droplets")

    assert vendor.get("/v2/droplets").status_code == 200


def test_a_slow_server_outlasts_an_impatient_client(server, vendor):
    server.faults.slow(30)

    with pytest.raises(requests.exceptions.ReadTimeout):
        vendor.get("/v2/account", timeout=0.1)

    server.faults.slow(0)
    assert vendor.get("/v2/account").status_code == 200


def test_a_stop_does_not_wait_for_slow_answers(clock, read_from):
    server = DemoServer(clock)
    server.start()
    server.faults.slow(3600)
    vendor = read_from(server)
    asked = threading.Thread(target=_ignore_errors, args=(vendor,))
    asked.start()

    server.stop()

    asked.join(5)
    assert not asked.is_alive()


def _ignore_errors(vendor):
    try:
        vendor.get("/v2/account")
    except requests.exceptions.RequestException:
        return  # whether an answer still got out does not matter here


def test_a_dead_server_hangs_up_until_it_is_revived(server, vendor):
    server.faults.die()

    with pytest.raises(requests.exceptions.ConnectionError):
        vendor.get("/v2/account")

    server.faults.revive()
    assert vendor.get("/v2/account").status_code == 200


def test_faults_wait_while_the_server_is_dead(server, vendor):
    server.faults.fail_next(status=500)
    server.faults.die()
    with pytest.raises(requests.exceptions.ConnectionError):
        vendor.get("/v2/account")
    server.faults.revive()

    assert vendor.get("/v2/account").status_code == 500
