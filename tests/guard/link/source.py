"""A guard as its link sees it, made of lists."""

import datetime as dt
import threading

from costmon.domain.spend import Notice
from costmon.guard.link.pace import Pace
from costmon.guard.link.source import Identity
from costmon.guard.stores.base import UsageRow

NOW = dt.datetime(2026, 11, 21, 10, 30, tzinfo=dt.UTC)
HOUR = int(NOW.timestamp()) // 3600 * 3600
SOON = Pace(
    report_s=0.02,
    confirm_s=0.02,
    heartbeat_s=0.5,
    first_back_off_s=0.05,
    last_back_off_s=0.2,
    spool_s=0.05,
    wait_s=20,
    watch_back_off_s=0.05,
    watch_last_back_off_s=0.2,
    connect_s=1.0,
    answer_s=1.0,
)


def row(scope="global", nano=13_000_000, changes=1, activity="call", hour=HOUR):
    return UsageRow(hour, scope, activity, nano, 1, 0, 0, 10, 20, changes)


class FakeSource:
    """What a guard has to say; `told` holds what the link said, `news` tells of it."""

    def __init__(self, store="store-1"):
        self.store = store
        self.usages = {}
        self.notices = []
        self.present = ((), (), (), ())
        self.policies = []
        self.told = []
        self.asked_since = []
        self.fails = None
        self.news = threading.Condition()

    def spend(self, *rows):
        for each in rows:
            self.usages[each.hour, each.scope, each.activity] = each

    def notice(self, text):
        number = len(self.notices) + 1
        self.notices.append((number, Notice(f"n{number}", NOW, "warn", "global", text)))

    def wait_for(self, happened, timeout_s=8.0):
        with self.news:
            assert self.news.wait_for(happened, timeout_s), f"it did not happen: {self.told}"

    def identity(self):
        return Identity(self.store, "worker", "USD")

    def usage(self, since_hour):
        self.asked_since.append(since_hour)
        if self.fails:
            raise self.fails
        return [each for key, each in tuple(self.usages.items()) if key[0] >= since_hour]

    def gauges(self):
        return self.present[0]

    def leases(self, limit):
        return self.present[1][:limit]

    def refusals(self, limit):
        return self.present[2][:limit]

    def refused(self):
        return self.present[3]

    def notices_after(self, number):
        return [each for each in self.notices if each[0] > number]

    def apply(self, policy):
        with self.news:
            self.policies.append(policy)
            self.news.notify_all()

    def service_lost(self, reason):
        with self.news:
            self.told.append(("lost", reason))
            self.news.notify_all()

    def service_returned(self):
        with self.news:
            self.told.append(("returned", None))
            self.news.notify_all()
