"""The alerter: once each, remembered over crashes and restarts."""

import datetime as dt
import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from costmon.actors.child import ChildSpec
from costmon.actors.detection import DetectionPlan
from costmon.actors.roles.alerter import Alerter, AlerterPlan, Recollection
from costmon.actors.spend_rules import RulePlan
from costmon.clock import SystemClock
from costmon.domain.budget import Budget
from costmon.domain.cap import DEFAULT_LEVELS, Cap
from costmon.domain.change import AlertChange, Change
from costmon.domain.charge_report import ChargeTotal
from costmon.domain.finding import Series
from costmon.domain.rule import Breaker, Rule
from costmon.domain.subscription import Subscription
from costmon.domain.totals import Threshold
from costmon.domain.usage import Quantity, UsageReading
from costmon.errors import StoreUnavailableError
from costmon.messages import (
    AcknowledgeAlert,
    BucketsClosed,
    ChargesRecorded,
    ChildSetAside,
    DeliverAlert,
    ForecastMade,
    PolicyChanged,
    SnoozeAlert,
    UsageCalculated,
)
from costmon.pricing import fx
from costmon.pricing.quotas import known_quotas
from costmon.state.charges import nothing_known
from costmon.state.published import Published
from costmon.testing import samples
from costmon.testing.clock import START, FakeClock
from tests.roles import test_detection as spending
from tests.roles.test_spend_rules import Spent
from tests.roles.tree import SOON, Ear, running
from tests.roles.values import FORECASTER, calculated, poll_failed
from tests.state import test_forecast as ledger


class Memory:
    """The alerter's memory in a database that may be away or may kill the actor."""

    def __init__(self):
        self.texts = {}
        self.outgoing = []
        self.away = False
        self.crash_once = False
        self.asked = 0

    def load(self):
        self.asked += 1
        if self.away:
            raise StoreUnavailableError("the database is away")
        return dict(self.texts)

    def save(self, condition, text, outgoing):
        self.asked += 1
        if self.away:
            raise StoreUnavailableError("the database is away")
        if self.crash_once:
            self.crash_once = False
            raise RuntimeError("a crash in the middle of saving")
        self.texts[condition] = text
        self.outgoing += outgoing


def alerter(
    memory,
    recollection=None,
    cooldown_s=3600.0,
    *,
    entries=(),
    resources=(),
    published=None,
    usages=(),
    today=START.date,
    announced=None,
    accounts=frozenset({"digitalocean"}),
    changes=None,
    policy="messenger",
    **detecting,
):
    plan = AlerterPlan(
        accounts=accounts,
        threshold=Threshold(provider="digitalocean", limit=Decimal(100)),
        cooldown_s=cooldown_s,
        open_store=lambda: memory,
        recollection=recollection or Recollection(said={}, unsaved={}),
        changes=changes or Changes(),
        channels=("telegram",),
        caps=(CAP,),
        quotas=known_quotas(),
        rates=fx.rates(),
        subscriptions=entries,
        resources=lambda: resources,
        charges=lambda: published or nothing_known(START, today()),
        usages=lambda: usages,
        today=today,
        announced=announced or Published(None),
        **detecting,
    )
    return ChildSpec(
        name="alerter",
        build=lambda incarnation: Alerter(
            incarnation,
            plan,
            messenger=incarnation.addresses["messenger"],
            policy=incarnation.addresses[policy],
            persister=incarnation.addresses["persister"],
        ),
        core=True,
        policy=SOON,
    )


def told(memory, *messages, **options):
    """Return the events of the alerts that these messages lead to, in a process of their own."""
    ear = Ear()
    specs = [ear.spec("messenger"), Ear().spec("persister"), alerter(memory, **options)]
    with running(specs) as system:
        for message in messages:
            system.addresses["alerter"].tell(message)
    assert all(isinstance(message, DeliverAlert) for message in ear.heard)
    return [message.alert.event for message in ear.heard]


def test_passing_the_threshold_is_said_once_and_its_end_once():
    events = told(
        Memory(),
        calculated("c0", "99"),
        calculated("c1", "150"),
        calculated("c2", "151"),
        calculated("c3", "80"),
        calculated("c4", "80"),
    )

    assert events == ["alerter.threshold_exceeded", "alerter.threshold_resolved"]


def test_the_threshold_is_about_its_vendors_accounts_only():
    events = told(Memory(), calculated("c1", "60", beside="1000"), calculated("c2", "101"))

    assert events == ["alerter.threshold_exceeded"]


def test_a_repeat_within_the_cooldown_is_logged_as_suppressed():
    with capture_logs() as lines:
        told(Memory(), calculated("c1", "150"), calculated("c2", "150"))

    suppressed = [line for line in lines if line["event"] == "alerter.alert_suppressed"]
    assert len(suppressed) == 1
    assert "suppressed by cooldown" in suppressed[0]["message"]
    assert suppressed[0]["monthly_total_usd"] == 150.0


def test_what_was_said_is_remembered_over_a_restart_of_the_process():
    memory = Memory()
    told(memory, calculated("c1", "150"))

    assert told(memory, calculated("c2", "150")) == []
    assert told(memory, calculated("c3", "50")) == ["alerter.threshold_resolved"]


def test_after_the_cooldown_it_is_said_again():
    assert (
        told(Memory(), calculated("c1", "150"), calculated("c2", "150"), cooldown_s=0.0)
        == ["alerter.threshold_exceeded"] * 2
    )


def test_a_crash_while_saving_leads_to_one_alert_with_one_id():
    memory = Memory()
    memory.crash_once = True
    ear = Ear()

    with running([ear.spec("messenger"), Ear().spec("persister"), alerter(memory)]) as system:
        system.addresses["alerter"].tell(calculated("c1", "150"))
        system.addresses["alerter"].tell(calculated("c2", "150"))

    assert len({message.alert.id for message in ear.heard}) == 1
    assert "threshold:monthly" in memory.texts


def test_an_alert_is_saved_before_the_messenger_is_told():
    memory, saved = Memory(), []

    class Messenger(Ear):
        def hear(self, message):
            saved.append([alert.id for alert, _ in memory.outgoing])
            super().hear(message)

    ear = Messenger()
    with running([ear.spec("messenger"), Ear().spec("persister"), alerter(memory)]) as system:
        system.addresses["alerter"].tell(calculated("c1", "150"))
        (message,) = ear.wait_for(1)

    assert saved == [[message.alert.id]]


def test_without_a_database_alerts_are_still_said_once():
    memory = Memory()
    memory.away = True
    recollection = Recollection(said={}, unsaved={})

    events = told(
        memory, calculated("c1", "150"), calculated("c2", "150"), recollection=recollection
    )

    assert events == ["alerter.threshold_exceeded"]
    assert [
        (name, [alert.event for alert in alerts]) for name, alerts in recollection.unsaved.items()
    ] == [("threshold:monthly", ["alerter.threshold_exceeded"])]


def test_what_is_to_be_delivered_is_kept_with_what_was_said():
    memory = Memory()

    told(memory, calculated("c1", "150"), calculated("c2", "150"))

    ((alert, channels),) = memory.outgoing
    assert (alert.event, channels) == ("alerter.threshold_exceeded", ("telegram",))


def test_a_database_that_is_away_is_not_asked_for_every_alert():
    memory = Memory()
    memory.away = True

    told(memory, *(calculated(f"c{number}", "150") for number in range(20)), cooldown_s=0.0)

    assert memory.asked == 1


def test_a_memory_that_cannot_be_read_does_not_silence_the_alert():
    memory = Memory()
    memory.texts["threshold:monthly"] = "garbage"

    assert told(memory, calculated("c1", "150")) == ["alerter.threshold_exceeded"]


@pytest.mark.parametrize(
    ("breaker", "events"), [("closed", []), ("open", ["alerter.account_unreadable"])]
)
def test_an_account_that_cannot_be_read_is_said_once_its_breaker_opens(breaker, events):
    assert told(Memory(), poll_failed("c1", breaker=breaker)) == events


def test_an_account_that_is_seen_again_is_said():
    events = told(Memory(), poll_failed("c1", breaker="open"), calculated("c2", "10"))

    assert events == ["alerter.account_unreadable", "alerter.account_recovered"]


def test_a_child_set_aside_is_said():
    notice = ChildSetAside(name="poller.digitalocean", error="Boom()", until=START)

    assert told(Memory(), notice) == ["alerter.child_set_aside"]


TODAY = START.date()
CAP = Cap(Budget("provider:vercel", "100", "month", "USD"), DEFAULT_LEVELS, enforce=False)


def charges(billed, day=TODAY):
    total = ChargeTotal(
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
    state = replace(nothing_known(START, day), is_loaded=True, by_service=(total,))
    return ChargesRecorded(account="vercel", totals=state, restated=())


def usage(used):
    quantity = Quantity(
        quota="edge_requests",
        unit="Requests",
        used=Decimal(used),
        start=START,
        end=START,
        resets_at=START + dt.timedelta(days=30),
        limit=None,
        estimated=False,
        project=None,
    )
    reading = UsageReading(
        account="vercel",
        provider="vercel",
        observed_at=START,
        quantities=(quantity,),
        complete_through=None,
        gaps=(),
        plan="hobby",
    )
    return UsageCalculated(report=samples.report("u", reading="usage"), usage=reading)


def test_a_cap_is_told_once_a_level_and_survives_a_restart():
    memory = Memory()

    assert told(memory, charges("79"), charges("81"), charges("82")) == [
        "alerter.budget_level_reached",
        "alerter.budget_level_reached",
    ]
    assert told(memory, charges("85"), charges("101"), charges("102")) == [
        "alerter.budget_exceeded"
    ]


def test_a_budget_that_will_be_exceeded_is_told_once_whether_charges_or_rates_say_so():
    def forecast(each):
        amounts = [ledger.total(TODAY - back * dt.timedelta(days=1), each) for back in range(1, 61)]
        state = ledger.charges(*amounts, read=[ledger.fresh()], today=TODAY)
        return FORECASTER.added_to(state, (), ledger.NOW)

    low, high = forecast("3"), forecast("4")
    recorded = ChargesRecorded(account="vercel", totals=high, restated=())
    memory = Memory()

    events = told(memory, ForecastMade(totals=low), ForecastMade(totals=high), recorded)

    assert events == ["alerter.budget_forecast_exceeded"]
    assert told(memory, ForecastMade(totals=low), ForecastMade(totals=high)) == []


def test_a_jump_over_all_levels_is_one_alert_that_is_delivered_once():
    memory = Memory()

    assert told(memory, charges("150"), charges("60"), charges("150")) == [
        "alerter.budget_exceeded"
    ]
    assert [alert.event for alert, _ in memory.outgoing] == ["alerter.budget_exceeded"]


def test_a_new_month_is_told_again():
    memory = Memory()
    later = (START + dt.timedelta(days=40)).date()

    assert told(memory, charges("150")) == ["alerter.budget_exceeded"]
    assert told(memory, charges("150", day=later), today=lambda: later) == [
        "alerter.budget_exceeded"
    ]


def test_charges_of_the_old_month_that_are_judged_after_its_end_are_not_the_new_months():
    later = (START + dt.timedelta(days=40)).date()

    assert told(Memory(), charges("150"), today=lambda: later) == []


def test_a_quota_of_the_vendors_plan_is_told():
    assert told(Memory(), usage(850_000), usage(1_000_000)) == [
        "alerter.quota_level_reached",
        "alerter.quota_exceeded",
    ]


def at_start(memory, count=1, **options):
    """Return the alerts of a process that is told nothing, in the order of their texts."""
    ear = Ear()
    with running([ear.spec("messenger"), Ear().spec("persister"), alerter(memory, **options)]):
        ear.wait_for(count)
    return sorted((message.alert for message in ear.heard), key=lambda alert: alert.text)


def test_what_a_stop_has_kept_from_being_told_is_told_at_the_start():
    found = at_start(
        Memory(),
        2,
        published=charges("150").totals,
        usages=(usage(850_000).usage,),
    )

    assert [alert.event for alert in found] == [
        "alerter.budget_exceeded",
        "alerter.quota_level_reached",
    ]


def test_a_quota_whose_period_has_ended_is_not_told_at_the_start():
    old = usage(1_000_000).usage
    ended = replace(old.quantities[0], resets_at=START - dt.timedelta(days=1))

    (found,) = at_start(
        Memory(),
        published=charges("150").totals,
        usages=(replace(old, quantities=(ended,)),),
    )

    assert found.event == "alerter.budget_exceeded"


def subscription(name, renews_on):
    return Subscription(
        name=name,
        provider="anthropic",
        service=name,
        amount=Decimal("185.00"),
        currency="EUR",
        per="month",
        renews_on=renews_on,
        remind_days=5,
    )


def test_a_reminder_is_told_once_and_again_for_another_day():
    memory = Memory()
    soon = dt.date(2026, 11, 24)
    (first,) = at_start(memory, entries=(subscription("Claude Max", soon),))

    (other,) = at_start(
        memory, entries=(subscription("Claude Max", soon), subscription("Domain", soon))
    )
    (moved,) = at_start(memory, entries=(subscription("Claude Max", dt.date(2026, 11, 25)),))

    assert (first.event, first.severity) == ("alerter.reminder_due", "warning")
    assert first.text == (
        "Claude Max (anthropic) renews on 24 November for 185.00 EUR; cancel before then if you no "
        "longer need it."
    )
    assert other.facts["name"] == "Domain"
    assert (moved.facts["name"], moved.facts["due"]) == ("Claude Max", "2026-11-25")
    assert [alert.id for alert, _ in memory.outgoing] == [first.id, other.id, moved.id]


def test_what_a_vendor_renews_is_told_once():
    memory = Memory()
    details = (("next_billing", "2026-11-30"), ("price", "89.00 EUR"), ("period", "P1Y"))
    domain = samples.resource("1", name="example.org", provider="ovh", kind="service")
    held = (domain._replace(details=details),)

    (first,) = at_start(memory, resources=held)
    (other,) = at_start(
        memory, resources=held, entries=(subscription("Domain", dt.date(2026, 11, 24)),)
    )

    assert first.event == "alerter.reminder_due"
    assert first.text.startswith("example.org (ovh) renews on 30 November for 89.00 EUR;")
    assert other.facts["name"] == "Domain"


def test_a_reminder_is_told_when_its_day_comes_while_the_service_runs():
    clock, ear = FakeClock(), Ear()
    entries = (subscription("Claude Max", dt.date(2026, 11, 27)),)
    spec = alerter(Memory(), entries=entries, today=lambda: clock.now().date())

    with running([ear.spec("messenger"), Ear().spec("persister"), spec], clock=clock) as system:
        clock.advance(86_400)
        system.addresses["alerter"].tell(calculated("wakes it", "10"))
        (message,) = ear.wait_for(1)

    assert message.alert.facts["days_left"] == 5


def test_nothing_is_repeated_while_the_memory_cannot_be_read():
    memory = Memory()
    memory.away = True

    with capture_logs():
        assert told(
            memory,
            calculated("c1", "150"),
            entries=(subscription("Claude Max", dt.date(2026, 11, 24)),),
        ) == ["alerter.threshold_exceeded"]


def test_a_prepaid_balance_is_told_from_80_percent_in_words():
    def balance(used):
        quantity = replace(
            usage(0).usage.quantities[0],
            quota="prepaid_balance",
            unit="USD",
            used=Decimal(used),
            limit=Decimal(50),
            resets_at=None,
            project="anthropic: API credits",
        )
        reading = replace(usage(0).usage, provider="manual", account="manual", plan=None)
        return (replace(reading, quantities=(quantity,)),)

    memory = Memory()
    (low,) = at_start(memory, usages=balance("40"))
    (empty,) = at_start(memory, usages=balance("50"))

    assert low.text == (
        "anthropic: API credits: 10.00 of 50.00 USD paid in advance is left (80 % used). Top it "
        "up, then write the new `balance` and `used` into costmon.toml."
    )
    assert empty.text.startswith("anthropic: API credits: nothing of 50.00 USD paid in advance")
    assert (low.severity, empty.severity) == ("warning", "critical")


def acknowledge(condition="threshold:monthly"):
    return AcknowledgeAlert(id="d1", condition=condition, author="ann", reason="known")


def snooze(seconds, clock):
    until = clock.now() + dt.timedelta(seconds=seconds)
    return SnoozeAlert(id="d2", condition="threshold:monthly", author="ann", reason="", until=until)


class Changes:
    """Decisions on the disk, which the persister has not written yet."""

    def __init__(self, *waiting: Change) -> None:
        self.kept = list(waiting)
        self.is_full = False

    def keep(self, change: Any) -> Any:
        if self.is_full:
            raise StoreUnavailableError("the journal is full")
        self.kept.append(change)
        return change

    def waiting(self) -> tuple[Change, ...]:
        return tuple(self.kept)


def test_a_decision_about_an_alert_is_on_the_disk_and_goes_to_the_audit_with_its_reason():
    changes, persister = Changes(), Ear()

    specs = [Ear().spec("messenger"), persister.spec("persister")]
    with running([*specs, alerter(Memory(), changes=changes)]) as system:
        system.addresses["alerter"].tell(calculated("c1", "150"))
        system.addresses["alerter"].tell(acknowledge())

    (change,) = changes.kept
    assert isinstance(change, AlertChange)
    assert change == AlertChange(
        id="d1",
        condition="threshold:monthly",
        author="ann",
        reason="known",
        changed_at=change.changed_at,
        snoozed_until=None,
    )
    assert persister.heard == [PolicyChanged(change=change)]


def test_a_decision_that_only_the_journal_knows_holds_after_a_restart():
    memory = Memory()
    told(memory, calculated("c1", "150"))
    later = SystemClock().now() + dt.timedelta(hours=1)
    change = AlertChange("d1", "threshold:monthly", "ann", "known", later, None)

    assert told(memory, calculated("c2", "150"), cooldown_s=0.0, changes=Changes(change)) == []


def test_a_decision_that_cannot_be_kept_is_refused_and_said():
    memory, changes = Memory(), Changes()
    changes.is_full = True

    with capture_logs() as lines:
        told(memory, calculated("c1", "150"), acknowledge(), changes=changes)

    assert "alerter.decision_refused" in [line["event"] for line in lines]
    assert told(memory, calculated("c2", "150"), cooldown_s=0.0) != []


def test_a_lasting_condition_is_escalated_and_what_is_open_is_published():
    announced: Published[Any] = Published(None)

    told(
        Memory(),
        calculated("c1", "150"),
        calculated("c2", "150"),
        cooldown_s=0.0,
        announced=announced,
    )

    (known,) = announced.read()
    assert (known.told.state, known.told.severity) == ("escalated", "critical")


def test_an_acknowledgement_is_remembered_over_a_restart_of_the_process_until_the_end():
    memory = Memory()
    told(memory, calculated("c1", "150"), acknowledge())

    assert told(memory, calculated("c2", "150"), cooldown_s=0.0) == []
    assert told(memory, calculated("c3", "80"), calculated("c4", "150"), cooldown_s=0.0) == [
        "alerter.threshold_resolved",
        "alerter.threshold_exceeded",
    ]


def test_who_acknowledges_is_logged_and_one_that_is_not_open_is_ignored():
    with capture_logs() as lines:
        told(Memory(), acknowledge(), calculated("c1", "150"), acknowledge())

    decided = [line for line in lines if line["event"].startswith("alerter.")]
    assert [line["event"] for line in decided] == [
        "alerter.decision_ignored",
        "alerter.alert_acknowledged",
    ]
    assert decided[1]["author"] == "ann"


def peaks(*days):
    """Return hours of a total with one key; at 10:00 of `days` it costs thirty times as much."""
    rng, rows = random.Random(1), {}
    for hour in range(14 * 24):
        burns = hour // 24 in days and hour % 24 in {10, 11, 12}
        amount = Decimal(str(round(rng.uniform(0.9, 1.1) * (30 if burns else 1), 4)))
        end = START + dt.timedelta(hours=hour + 1)
        rows[end] = {Series("global", "USD"): amount, Series("key:a", "USD"): amount}
    return rows


@pytest.mark.parametrize("fine", [False, True])
def test_the_like_of_a_finding_that_was_acknowledged_is_silent(fine):
    rows = peaks(9, 10)
    store = spending.Kept(rows)
    detection = DetectionPlan(open_store=lambda: store, bucket_s=3600, timezone="UTC", expected=())
    closed = [BucketsClosed(until=end) for end in rows]
    index = next(i for i, end in enumerate(rows) if end > START + dt.timedelta(days=9, hours=11))
    decision = [acknowledge("finding:global:USD:burst")] if fine else []
    memory = Memory()

    events = told(memory, *closed[:index], *decision, *closed[index:], detection=detection)

    found, over = "alerter.spend_anomaly_found", "alerter.spend_anomaly_over"
    assert events.count(over) == events.count(found)
    assert ([it for it in events if it in {found, over}] == [found, over]) is fine
    assert not any(one.is_open for one in store.findings.values())
    assert store.kept.watches[Series("key:a", "USD")]  # what is part of it was fine, too


def test_a_snoozed_alert_is_told_again_when_the_snooze_is_over():
    memory, clock, ear = Memory(), FakeClock(), Ear()

    with running(
        [ear.spec("messenger"), Ear().spec("persister"), alerter(memory)], clock=clock
    ) as system:
        system.addresses["alerter"].tell(calculated("c1", "150"))
        system.addresses["alerter"].tell(snooze(600, clock))
        ear.wait_for(1)
    clock.advance(601)
    with running([ear.spec("messenger"), Ear().spec("persister"), alerter(memory)], clock=clock):
        ear.wait_for(2)

    first, second = (message.alert for message in ear.heard)
    assert (second.event, second.state) == (first.event, "repeated")
    assert second.id != first.id


def test_a_higher_level_of_a_budget_takes_the_place_of_the_lower_one_in_the_list():
    announced: Published[Any] = Published(None)

    told(Memory(), charges("60"), charges("85"), announced=announced)

    assert [known.told.condition for known in announced.read()] == [
        "budget:charges:provider:vercel month:80"
    ]


def test_a_child_that_was_set_aside_in_an_earlier_process_runs_again_in_this_one():
    memory = Memory()
    told(memory, ChildSetAside(name="poller.digitalocean", error="Boom()", until=START))

    assert told(memory, calculated("c1", "10")) == ["alerter.child_recovered"]
    assert told(memory, calculated("c2", "10")) == []


def test_an_account_that_is_not_polled_any_more_is_not_open_any_more():
    memory, announced = Memory(), Published[Any](None)
    told(memory, poll_failed("c1", breaker="open"))

    events = told(memory, charges("1"), accounts=frozenset(), announced=announced)

    assert events == []
    assert announced.read() == ()


@pytest.mark.parametrize(
    ("scope", "opened"), [("tag:a", {"tag:a"}), ("account:main", {"provider:openai"})]
)
def test_a_rule_for_a_part_of_what_is_told_opens_the_circuit_of_the_part(scope, opened):
    """Guards know the calls that an account's counters count by their vendor."""
    rows, policy = spending.spend(9, burns=spending.LOOP), Ear()
    for row in rows.values():
        row[Series(scope, "USD")] = row.pop(spending.TAG)
    until = spending.START + (spending.BURN + 2) * spending.BUCKET
    store = spending.Kept({at: row for at, row in rows.items() if at <= until})
    breaker = Breaker(enabled=True, on_finding="warning")
    rules = RulePlan(
        rules=(Rule("tag:a", breaker=breaker), Rule("provider:openai", breaker=breaker)),
        open_store=Spent,
        bucket_s=300,
        policy=lambda: None,
        standings=Published(()),
        providers={"main": "openai"},
        charges=lambda: None,
    )
    told_of = alerter(
        Memory(),
        detection=spending.plan(store),
        rules=rules,
        open_findings=lambda: [it for it in store.findings.values() if it.is_open],
        policy="policy",
    )

    specs = [policy.spec("policy"), Ear().spec("messenger"), Ear().spec("persister"), told_of]
    with running(specs) as system:
        for number in (1, spending.BURN, spending.BURN + 1, spending.BURN + 2):
            system.addresses["alerter"].tell(
                BucketsClosed(until=spending.START + number * spending.BUCKET)
            )
        policy.wait_for(1)

    assert {message.opening.scope for message in policy.heard} == opened
    assert {it.series.scope for it in store.findings.values() if it.part_of is None} == {"global"}
