"""What the service hands to the policy actor: reports give way to decisions."""

import dataclasses
import datetime as dt
import threading
from decimal import Decimal
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from costmon.bootstrap.components import components
from costmon.bootstrap.service import Service
from costmon.bootstrap.tree import POLICY, POLICY_CAPACITY, POLICY_REPORTS, guard_of
from costmon.config import load
from costmon.config.file import FileSettings
from costmon.config.settings import Settings
from costmon.domain.charge_report import ChargeTotal
from costmon.domain.poll import Observation, ReadingKey, StoredReading
from costmon.domain.subscription import Subscription
from costmon.messages import CloseCircuit, GuardReported, RefreshRequested
from costmon.providers import catalog
from costmon.state.charges import nothing_known
from costmon.store import open_store
from costmon.store.migrate import upgrade
from costmon.testing import FakeClock, samples
from costmon.testing.clock import START
from costmon.testing.spend import guard_report
from tests.store import charges

PROVIDERS = catalog.declarations()


@pytest.fixture
def settings(tmp_path):
    return Settings.from_env(
        {"DO_API_TOKEN": "dop_v1_0123456789abcdef", "COSTMON_STATE_DIR": str(tmp_path)},
        providers=PROVIDERS,
    )


@pytest.fixture
def service(settings):
    """A service whose actors do not run, so that what they are told waits."""
    made = Service(settings, clock=FakeClock(), on_scan=lambda: None)
    yield made
    for part in (made.journal, made.decision_journal, made.store):
        part.close()


def test_reports_leave_room_for_what_people_decide(service):
    with capture_logs() as lines:
        for number in range(POLICY_REPORTS + 5):
            report = guard_report(1, guard=f"g{number}")
            service.dispatcher.tell_policy(GuardReported(report=report))
        for number in range(POLICY_CAPACITY - POLICY_REPORTS):
            service.dispatcher.tell_policy(
                CloseCircuit(id=f"c{number}", scope="global", reason="", author="ann")
            )

    assert service.system.addresses[POLICY].waiting == POLICY_CAPACITY
    assert [line["event"] for line in lines] == ["bootstrap.report_dropped"], "once"


def test_an_edited_manual_entry_counts_from_the_next_start_on(tmp_path):
    entry = Subscription(
        name="VPS",
        provider="ionos",
        service="VPS",
        amount=Decimal("7.50"),
        currency="EUR",
        per="month",
    )
    settings = Settings.from_env(
        {"COSTMON_STATE_DIR": str(tmp_path)},
        providers=PROVIDERS,
        file=FileSettings(manual=(entry,)),
    )
    upgrade(settings.database_url)
    service = Service(settings, clock=FakeClock(), on_scan=lambda: None)
    read_already = StoredReading(
        key=ReadingKey("manual", "manual", "charges"),
        next_poll_at=START + dt.timedelta(days=1),
        last_success_at=START,
        complete_through=START,
    )
    service.store.record_reading(read_already, service.store.claim("persister"))
    paused = threading.Event()

    service.start()
    for _ in range(2_000):
        if service.charges.read().by_service:
            break
        paused.wait(0.005)
    service.stop()

    (total,) = service.charges.read().by_service
    assert (total.provider, total.billed) == ("ionos", Decimal("7.50"))


def _total(billed):
    return ChargeTotal(
        group="Edge",
        account="vercel",
        provider="vercel",
        currency="USD",
        basis="billed",
        label="Edge",
        billed=Decimal(billed),
        effective=Decimal(billed),
        charge_count=1,
    )


def test_last_months_charges_are_not_shown_as_this_months_while_the_persister_is_down(settings):
    clock = FakeClock()
    service = Service(settings, clock=clock, on_scan=lambda: None)
    november = nothing_known(START, dt.date(2026, 11, 30))
    total = _total("12")
    service.charges.publish(
        dataclasses.replace(november, is_loaded=True, by_service=(total,), by_day=(total,))
    )

    before = service.charges_today()
    clock.advance(11 * 86_400)
    after = service.charges_today()

    assert (before.by_service, before.today) == ((total,), dt.date(2026, 11, 21))
    assert (after.by_service, after.by_day, after.today) == ((), (), dt.date(2026, 12, 2))
    for part in (service.journal, service.decision_journal, service.store):
        part.close()


def test_a_refresh_reads_billing_apis_at_most_once_a_minute(tmp_path, monkeypatch):
    info = dataclasses.replace(
        catalog.modules()["digitalocean"].info, readings=("inventory", "charges")
    )
    module = SimpleNamespace(info=info)
    monkeypatch.setattr(catalog, "modules", lambda: {"digitalocean": module})
    clock = FakeClock()
    settings = Settings.from_env(
        {"DO_API_TOKEN": "dop_v1_0123456789abcdef", "COSTMON_STATE_DIR": str(tmp_path)},
        providers=PROVIDERS,
    )
    service = Service(settings, clock=clock, on_scan=lambda: None)

    held_back = []
    for pause_s in (0, 59, 2):
        clock.advance(pause_s)
        held_back.append(service.dispatcher.refresh(RefreshRequested(id=str(pause_s))))

    assert held_back == [(), ("charges",), ()]
    assert service.system.addresses["poller.digitalocean"].waiting == 2
    for part in (service.journal, service.decision_journal, service.store):
        part.close()


def test_an_account_that_lacks_a_variable_has_no_poller(tmp_path):
    settings = Settings.from_env(
        {"DO_API_TOKEN": "dop_v1_0123456789abcdef", "COSTMON_STATE_DIR": str(tmp_path)},
        providers=PROVIDERS,
    )
    half = dataclasses.replace(settings.accounts[0], name="half", missing=("HALF_KEY",))
    settings = dataclasses.replace(settings, accounts=(*settings.accounts, half))

    service = Service(settings, clock=FakeClock(), on_scan=lambda: None)

    pollers = {name for name in service.system.addresses if name.startswith("poller.")}
    assert pollers == {"poller.digitalocean"}
    assert service.dispatcher.refresh(RefreshRequested(id="r")) == ()
    assert ("actor", "poller.half") not in {(it.kind, it.name) for it in components(settings)}
    for part in (service.journal, service.decision_journal, service.store):
        part.close()


def test_charges_and_what_is_due_are_known_at_the_start(tmp_path):
    settings = Settings.from_env(
        {
            "DO_API_TOKEN": "dop_v1_0123456789abcdef",
            "COSTMON_STATE_DIR": str(tmp_path),
            "COSTMON_TIMEZONE": "Pacific/Auckland",
        },
        providers=PROVIDERS,
    )
    upgrade(settings.database_url)
    clock = FakeClock()
    with open_store(settings.database_url, clock=clock) as store:
        token = store.claim("persister")
        window = charges.window(charges.charge("k", "7.00"), account="digitalocean")
        store.record_charges(window, token)
    service = Service(settings, clock=clock, on_scan=lambda: None)

    past = service._past()

    assert past.charges.is_loaded
    assert past.charges.today == dt.date(2026, 11, 21)
    assert [total.billed for total in past.charges.by_service] == [Decimal("7.00")]
    for part in (service.journal, service.decision_journal, service.store):
        part.close()


def test_charges_of_the_ledger_and_manual_entries_are_forecast_from_the_start_on(tmp_path):
    file = tmp_path / "costmon.toml"
    file.write_text(
        """
        [[manual]]
        name = "Pro"
        provider = "openai"
        service = "Pro"
        amount = 20
        currency = "USD"
        per = "month"
        renews_on = 2026-11-25
        """
    )
    environ = {
        # Nothing listens there: this account has no inventory.
        "DO_API_TOKEN": "dop_v1_0123456789abcdef",
        "DO_API_URL": "http://127.0.0.1:1",
        "COSTMON_STATE_DIR": str(tmp_path),
        "COSTMON_CONFIG": str(file),
    }
    settings = load(providers=PROVIDERS, environ=environ).settings
    upgrade(settings.database_url)
    clock = FakeClock()
    first = charges.day(1, month=9)
    rows = [
        charges.charge(f"{number}", "10.00", start=first + number * dt.timedelta(days=1))
        for number in range(81)
    ]
    with open_store(settings.database_url, clock=clock) as store:
        store.record_charges(charges.window(*rows, start=first), store.claim("persister"))
    service = Service(settings, clock=clock, on_scan=lambda: None)

    service.start()
    forecast = service.charges.read().forecast
    assert service.stop().unstopped == ()

    assert forecast is not None
    # The 21st is forecast; the 20 dollars are due on the 25th.
    assert {it.account: it.month.point for it in forecast.accounts} == {
        "vercel": Decimal(300),
        "manual": Decimal(20),
    }
    assert forecast.total.month.point == Decimal(320)


def test_what_a_vendor_renews_is_told_after_a_restart_though_it_cannot_be_read(tmp_path):
    environ = {
        "HOSTINGER_API_TOKEN": "0123456789abcdef",
        "HOSTINGER_API_URL": "http://127.0.0.1:1",
        "COSTMON_STATE_DIR": str(tmp_path),
    }
    settings = load(providers=PROVIDERS, environ=environ).settings
    upgrade(settings.database_url)
    clock = FakeClock()
    details = (("next_billing", "2026-12-01"), ("price", "89.00 EUR"), ("period", "1 year"))
    vps = samples.resource("1", name="VPS", provider="hostinger", account="hostinger")
    held = samples.inventory(
        [vps._replace(details=details)], account="hostinger", provider="hostinger"
    )
    report = samples.report("c1", account="hostinger", provider="hostinger")
    with open_store(settings.database_url, clock=clock) as store:
        seen = Observation(report=report, inventory=held, failure=None, totals=None)
        store.record(seen, store.claim("persister"))
    service = Service(settings, clock=clock, on_scan=lambda: None)

    service.start()
    told = service.announced.wait(lambda told: not told, 30.0)
    assert service.stop().unstopped == ()

    reminder = next(
        one.told for one in told or () if one.told and one.told.event == "alerter.reminder_due"
    )
    assert reminder.text.startswith("VPS (hostinger) renews on 1 December for 89.00 EUR")


def test_turning_readers_away_ends_every_wait_for_a_policy(service):
    service.turn_away()

    assert service.policy.wait(lambda _known: True, 60.0) is None


def test_only_reports_are_superseded():
    assert guard_of(GuardReported(report=guard_report(1, guard="g7"))) == "g7"
    assert guard_of(CloseCircuit(id="c", scope="global", reason="", author="ann")) is None


def test_the_policy_actor_is_one_of_the_components(settings):
    assert ("actor", "policy") in {(it.kind, it.name) for it in components(settings)}
