"""Remind people in time of what is renewed, begins, ends or must be cancelled: once each."""

import datetime as dt
from collections.abc import Iterable, Mapping

from costmon.alerts.caps import Crossing
from costmon.alerts.condition import Condition
from costmon.alerts.memory import NOTHING_SAID, Memory
from costmon.domain.subscription import Reminder, Subscription, reminders


def due_reminders(
    subscriptions: Iterable[Subscription], today: dt.date, memory: Mapping[str, Memory]
) -> tuple[Crossing, ...]:
    """Return what people are to be reminded of now, the nearest first.

    Of the same day nobody is reminded twice; when an entry names another day, that one is told.

    Args:
        subscriptions: What is paid by a fixed price.
        today: In people's time zone.
        memory: What was told before, by the condition's name.
    """
    found = []
    for reminder in reminders(subscriptions, today):
        condition = _of(reminder)
        if memory.get(condition.name, NOTHING_SAID).last_cause != condition.cause:
            found.append(Crossing(condition, (condition.name,), condition.cause))
    return tuple(found)


def _of(reminder: Reminder) -> Condition:
    one = reminder.subscription
    return Condition(
        name=f"reminder:{one.provider}/{one.name}:{reminder.kind}",
        state="opened",
        cause=reminder.due.isoformat(),
        event="alerter.reminder_due",
        resolved_event="alerter.reminder_over",
        severity="warning",
        title=f"{one.name} ({one.provider}), {reminder.due:%Y-%m-%d}",
        text=reminder.text,
        resolved_text=f"{one.name} ({one.provider}): the day has passed.",
        labels={"provider": one.provider, "name": one.name, "kind": reminder.kind},
        escalates=False,
        repeats=False,
        expires_at=dt.datetime.combine(reminder.due + dt.timedelta(days=1), dt.time(), dt.UTC),
        facts={
            "provider": one.provider,
            "name": one.name,
            "kind": reminder.kind,
            "due": reminder.due.isoformat(),
            "days_left": reminder.days_left,
            "amount": float(one.amount),
            "currency": one.currency,
        },
    )
