"""A link against a real service: everything gets there, news are obeyed at once, nothing hangs."""

import datetime as dt
import gc
import logging
import socket
import threading
import time
from decimal import Decimal

import pytest

from costmon.domain.spend import LeaseNote, RefusalCount, RefusalNote, ScopeGauge
from costmon.guard.errors import GuardStoreUnavailable
from costmon.guard.link.link import Link
from costmon.testing import FakeClock
from tests.guard.link.service import Service, running
from tests.guard.link.source import HOUR, NOW, SOON, FakeSource, row


def test_spending_gets_to_the_service(service, address, source, linked):
    source.spend(row("global", 13_000_000), row("host:api.example.com", 13_000_000))
    source.notice("80 % of the budget are spent")
    source.present = (
        (ScopeGauge("global", "month", Decimal(1000), Decimal("0.013"), Decimal(0), NOW),),
        (LeaseNote("l1", ("global",), "call", Decimal("0.02"), NOW),),
        (RefusalNote(NOW, "host:x", "budget", "no room"),),
        (RefusalCount("host:x", "budget", 3),),
    )

    link = linked(source, address)
    link.touch()
    service.wait_for(lambda: service.reports)

    report = service.reports[0]
    assert (report.guard, report.store, report.app) == (link.guard, "store-1", "worker")
    assert report.sent_at == NOW
    assert {(each.scope, each.spent) for each in report.rows} == {
        ("global", Decimal("0.013")),
        ("host:api.example.com", Decimal("0.013")),
    }
    assert report.rows[0].hour == dt.datetime.fromtimestamp(HOUR, dt.UTC)
    assert (report.scopes, report.leases, report.refusals, report.refused) == source.present
    assert [notice.text for notice in report.notices] == ["80 % of the budget are spent"]


def test_confirmed_rows_are_forgotten_and_not_sent_again(service, address, source, linked):
    source.spend(row())
    link = linked(source, address)
    link.touch()

    service.wait_for(lambda: len(service.reports) > 1)
    _until(lambda: link.numbers().waiting == 0)
    source.spend(row(nano=26_000_000, changes=2))
    link.touch()
    _until(lambda: link.numbers().rows == 2)

    assert [each.changes for report in service.reports for each in report.rows] == [1, 2]


def test_unconfirmed_rows_are_sent_again_after_a_while(service, address, source, linked):
    service.confirms = False
    source.spend(row())
    linked(source, address, SOON._replace(resend_s=0.1)).touch()

    service.wait_for(lambda: sum(len(report.rows) for report in service.reports) >= 3)

    sequences = [report.sequence for report in service.reports]
    assert sequences == sorted(set(sequences))


def test_a_guard_that_does_nothing_still_says_that_it_is_there(service, address, source, linked):
    linked(source, address, SOON._replace(heartbeat_s=0.05)).touch()

    service.wait_for(lambda: len(service.reports) >= 3)

    assert not any(report.rows for report in service.reports)


def test_an_opened_circuit_is_obeyed_within_a_second(service, address, source, linked):
    link = linked(source, address)
    assert link.first_policy(5.0)
    service.wait_for(lambda: service.waits)

    began_s = time.monotonic()
    service.open_circuit("host:api.example.com")
    source.wait_for(lambda: len(source.policies) == 2)
    took_s = time.monotonic() - began_s

    (circuit,) = source.policies[1].circuits
    assert (circuit.scope, circuit.state, circuit.author) == ("host:api.example.com", "open", "ann")
    assert took_s < 1.0


def test_a_circuit_is_obeyed_within_a_second_while_all_places_for_waiting_are_taken(
    service, address, source, linked
):
    service.no_waiting = True
    link = linked(source, address)
    assert link.first_policy(5.0)
    service.wait_for(lambda: service.policies > 3)

    began_s = time.monotonic()
    service.open_circuit("global")
    source.wait_for(lambda: len(source.policies) == 2)

    assert time.monotonic() - began_s < 1.2
    assert not source.told


def test_a_service_that_is_away_at_the_start_is_found_when_it_comes(source, linked, caplog):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    source.spend(row())
    link = linked(source, f"http://127.0.0.1:{port}")
    assert not link.first_policy(5.0)
    link.touch()
    source.wait_for(lambda: source.told)
    source.spend(row("key:batch"))
    link.touch()

    service = Service()
    with running(service, port=port):
        service.wait_for(lambda: len(service.rows()) == 2)
        source.wait_for(lambda: source.told[-1] == ("returned", None))
        source.wait_for(lambda: source.policies)
        link.close(2.0)

    assert [what for what, _ in source.told] == ["lost", "returned"]
    assert "nothing listens" in source.told[0][1]
    assert caplog.text.count("nothing listens") == 1


def test_a_restarted_service_is_found_again_and_its_news_are_obeyed(source, linked):
    first, second = Service(), Service()
    with running(first) as url:
        link = linked(source, url)
        link.touch()
        first.wait_for(lambda: first.waits and first.reports)
    source.spend(row())
    link.touch()
    second.open_circuit("global")

    with running(second, port=int(url.rpartition(":")[2])):
        source.wait_for(lambda: len(source.policies) == 2)
        second.wait_for(second.rows)
        link.close(2.0)

    assert source.policies[-1].circuits[0].scope == "global"


def test_the_last_policy_stays_while_the_service_is_away(source, linked):
    service = Service()
    service.open_circuit("global")
    with running(service) as url:
        assert linked(source, url).first_policy(5.0)
    source.wait_for(lambda: source.told)

    assert [policy.revision for policy in source.policies] == ["r2"]


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_service_with_a_fault_gets_the_rows_when_it_is_well(service, source, linked, status):
    service.down = (status, None)
    source.spend(row())
    with running(service) as url:
        link = linked(source, url)
        link.touch()
        source.wait_for(lambda: source.told)
        service.down = None
        service.wait_for(service.rows)
        source.wait_for(lambda: source.told[-1][0] == "returned")
        link.close(2.0)

    assert str(status) in source.told[0][1]


def test_retry_after_is_respected(service, source, linked):
    service.down = (503, 1)
    source.spend(row())
    with running(service) as url:
        link = linked(source, url, SOON._replace(last_back_off_s=5.0))
        link.touch()
        _until(lambda: link.numbers().reason is not None)
        began_s = time.monotonic()
        service.down = None
        service.wait_for(service.rows)
        took_s = time.monotonic() - began_s
        link.close(2.0)

    assert 0.5 < took_s < 3.0


def test_a_wrong_token_is_said_once_with_what_to_do(service, source, linked, caplog):
    service.token = "right"
    source.spend(row())
    with running(service) as url:
        link = linked(source, url, token="s3cret-and-wrong")
        link.touch()
        source.wait_for(lambda: source.told)
        service.wait_for(lambda: service.policies == 0 and link.numbers().is_lost)
        time.sleep(0.3)
        link.close(1.0)

    said = [record.getMessage() for record in caplog.records]
    assert len([text for text in said if "401" in text]) == 1
    assert all("token=" in text for text in said if "401" in text)
    assert "s3cret" not in repr(said) + repr(source.told) + repr(link.numbers()) + link.service
    assert len(source.told) == 1


def test_one_bad_row_is_set_aside_and_all_others_get_through(
    service, address, source, linked, caplog
):
    def refuses(report):
        return 400 if any(each.scope == "key:bad" for each in report.rows) else None

    service.refuses = refuses
    source.spend(*(row(f"key:k{n}") for n in range(150)), row("key:bad"))
    link = linked(source, address)
    link.touch()
    _until(lambda: link.numbers().waiting == 0)
    asked = len(service.statuses)
    source.spend(row("key:k1", changes=2))
    link.touch()
    _until(lambda: link.numbers().rows == 151)

    assert len(service.rows()) == 150
    assert link.numbers().set_aside == 1
    assert asked < 30
    assert len([each for each in caplog.records if "set aside" in each.getMessage()]) == 1


def test_a_service_that_refuses_everything_is_not_asked_for_ever(service, source, linked):
    service.refuses = lambda report: 400
    source.spend(*(row(f"key:k{n}") for n in range(200)))
    with running(service) as url:
        link = linked(source, url, SOON._replace(heartbeat_s=60.0))
        link.touch()
        _until(lambda: link.numbers().set_aside == 200)
        asked = len(service.statuses)
        time.sleep(0.3)
        link.close(1.0)

    assert asked < 100  # 22; on a busy machine some are asked again after a time-out
    assert len(service.statuses) <= asked + 2


def test_what_is_only_shown_does_not_keep_rows_from_a_service_that_refuses_it(
    service, source, linked
):
    source.present = ((), (), (), (RefusalCount("host:x", "budget", 3),))
    service.refuses = lambda report: 400 if report.refused else None
    source.spend(row())
    with running(service) as url:
        link = linked(source, url)
        link.touch()
        service.wait_for(service.rows)
        source.spend(row("key:b"))
        link.touch()
        service.wait_for(lambda: len(service.rows()) == 2)
        link.close(1.0)

    assert service.statuses.count(400) == 1


def test_a_service_that_takes_less_gets_smaller_reports(service, address, source, linked):
    service.refuses = lambda report: 413 if len(report.rows) > 10 else None
    source.spend(*(row(f"key:k{n}") for n in range(100)))
    link = linked(source, address)
    link.touch()
    _until(lambda: len(service.rows()) == 100)

    assert link.numbers().set_aside == 0
    assert service.statuses.count(413) < 6


def test_ten_thousand_scopes_get_there_in_reports_of_bounded_size(service, address, source, linked):
    source.spend(*(row(f"key:{n:05d}-{'x' * 150}", nano=n + 1) for n in range(10_000)))
    linked(source, address).touch()

    service.wait_for(lambda: len(service.rows()) >= 10_000, 30)

    rows = service.rows()
    assert len(rows) == 10_000
    assert sum(each.spent for each in rows.values()) == Decimal(50_005_000).scaleb(-9)


def test_the_store_being_away_is_no_end(service, source, linked):
    source.fails = GuardStoreUnavailable("memory://", "read", "away")
    source.spend(row())
    with running(service) as url:
        link = linked(source, url)
        link.touch()
        _until(lambda: len(source.asked_since) > 2)
        source.fails = None
        service.wait_for(service.rows)
        link.close(1.0)

    assert len(service.rows()) == 1


def test_a_fault_in_the_guard_is_logged_and_no_end(service, source, linked, caplog):
    source.fails = ZeroDivisionError("a bug")
    source.spend(row())
    with running(service) as url:
        link = linked(source, url)
        link.touch()
        _until(lambda: len(source.asked_since) > 2)
        source.fails = None
        service.wait_for(service.rows)
        link.close(1.0)

    assert caplog.text.count("unexpected error") == 1


def test_a_fault_in_what_is_only_shown_keeps_no_spending_back(service, source, linked, caplog):
    source.present = None
    source.spend(row())
    with running(service) as url:
        link = linked(source, url)
        link.touch()
        service.wait_for(lambda: len(service.reports) > 2)
        link.close(1.0)

    assert service.rows()
    assert caplog.text.count("state cannot be reported") == 1


def test_a_policy_that_is_hostile_is_refused_whole_and_said_once(service, source, linked, caplog):
    with running(service) as url:
        link = linked(source, url)
        assert link.first_policy(5.0)
        service.wait_for(lambda: service.waits)
        service.open_circuit("global")
        source.wait_for(lambda: len(source.policies) == 2)
        service.budgets = [{"scope": "global", "limit": "NaN", "period": "month"}]
        service.open_circuit("global", "r3")
        source.wait_for(lambda: source.told)
        time.sleep(0.3)
        service.budgets = []
        service.open_circuit("host:x", "r4")
        source.wait_for(lambda: len(source.policies) == 3)
        link.close(1.0)

    assert [policy.revision for policy in source.policies] == ["r1", "r2", "r4"]
    assert caplog.text.count("policy is rejected") == 1
    assert "budgets[0]" in caplog.text


def test_a_cache_that_answers_at_once_is_not_asked_in_a_hot_loop(service, source, linked):
    service.impatient = True
    with running(service) as url:
        link = linked(source, url)
        assert link.first_policy(5.0)
        time.sleep(0.5)
        link.close(1.0)

    assert service.policies <= 3


def test_close_reports_what_is_left(service, address, source):
    link = Link(source, address, clock=FakeClock(NOW), pace=SOON._replace(report_s=30.0))
    link.touch()
    service.wait_for(lambda: service.reports)
    source.spend(*(row(f"key:k{n}") for n in range(3_000)))
    link.touch()

    link.close(5.0)

    assert len(service.rows()) == 3_000
    assert not _threads()


@pytest.mark.parametrize("hanging", ["both", "accepting"])
def test_close_ends_in_time_while_the_service_hangs(service, source, hanging, tmp_path):
    source.spend(row())
    with running(service) as listening, socket.create_server(("127.0.0.1", 0)) as mute:
        accepting = f"http://127.0.0.1:{mute.getsockname()[1]}"  # by the kernel, without an answer
        url = accepting if hanging == "accepting" else listening
        service.hangs.set()
        pace = SOON._replace(answer_s=30.0)
        link = Link(source, url, clock=FakeClock(NOW), pace=pace, spool=tmp_path)
        link.touch()
        time.sleep(0.1)

        began_s = time.monotonic()
        link.close(1.0)
        took_s = time.monotonic() - began_s

        assert took_s < 1.3
        assert not _threads()
        assert len(list(tmp_path.glob("*.report.json"))) == 1


def test_close_is_quick_while_nobody_listens_and_may_be_called_twice(source):
    link = Link(source, "http://127.0.0.1:1", clock=FakeClock(NOW), pace=SOON)
    link.touch()
    source.wait_for(lambda: source.told)

    began_s = time.monotonic()
    link.close(3.0)
    link.close(3.0)
    link.touch()

    assert time.monotonic() - began_s < 1.0
    assert not _threads()


def test_a_link_that_was_never_touched_has_no_thread(source):
    link = Link(source, "http://127.0.0.1:1", clock=FakeClock(NOW))

    assert not _threads()
    link.close()


def test_a_guard_that_nobody_holds_any_more_takes_its_threads_with_it(service):
    source = FakeSource()
    with running(service) as url:
        link = Link(source, url, clock=FakeClock(NOW), pace=SOON)
        link.touch()
        service.wait_for(lambda: service.waits and service.reports)

        del source
        gc.collect()
        _until(lambda: not _threads())

    assert not _threads()


def test_another_store_is_another_name(service, address, source, linked):
    source.spend(row())
    link = linked(source, address)
    link.touch()
    service.wait_for(service.rows)
    former = link.guard
    source.store = "store-2"
    link.touch()
    service.wait_for(lambda: len(service.rows()) == 2)

    assert {report.guard for report in service.reports} == {former, link.guard}
    assert {report.store for report in service.reports} == {"store-1", "store-2"}


def test_touch_is_cheap_and_never_waits(service, source, linked):
    service.hangs.set()
    with running(service) as url:
        link = linked(source, url)
        link.touch()
        slowest_s = 0.0
        for _ in range(10_000):
            began_s = time.perf_counter()
            link.touch()
            slowest_s = max(slowest_s, time.perf_counter() - began_s)
        link.close(1.0)

    assert slowest_s < 0.5


def test_nothing_is_logged_when_all_is_well(service, address, source, linked, caplog):
    caplog.set_level(logging.INFO, "costmon.guard")
    source.spend(row())
    link = linked(source, address)
    link.touch()
    service.wait_for(service.rows)
    link.close(2.0)

    assert not caplog.records
    assert not source.told


def _until(happened, timeout_s=8.0):
    until_s = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < until_s, "it did not happen"
        time.sleep(0.01)


def _threads():
    return [each.name for each in threading.enumerate() if each.name.startswith("costmon-guard")]
