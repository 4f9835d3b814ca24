"""Several vendors over real sockets: one that hangs or talks nonsense is nobody else's trouble."""

import contextlib
import random
import threading
import time
from dataclasses import replace

from costmon.actors.roles.poller import PollerPlan
from costmon.actors.system import System
from costmon.bootstrap.provider_connection import ProviderConnection
from costmon.bootstrap.tree import _poller_spec, poller_name
from costmon.clock import SystemClock
from costmon.config import AccountSettings
from costmon.config.secret import Secret
from costmon.messages import Fetched, PollFailed, RefreshRequested
from costmon.state.published import Published
from costmon.testing import digitalocean as do
from costmon.testing.stub import Reply, StubServer
from tests.roles.tree import PATIENCE_S, Ear

_ONE_S = 1.0
GOOD = {**do.empty_account(), do.DROPLETS: do.listing("droplets", [do.droplet(1)])}


def plan(name, url):
    account = AccountSettings(
        name=name,
        provider="digitalocean",
        credentials={"token": Secret("dop_v1_0123456789abcdef")},
        api_url=url,
    )

    def connect(pause, beat):
        return ProviderConnection(
            account, {}, clock=SystemClock(), rng=random.Random(1), pause=pause, beat=beat
        )

    return PollerPlan(
        account=name,
        provider="digitalocean",
        intervals={"inventory": 3600.0},
        connect=connect,
        stored=lambda _reading: None,
        falls_to_zero=lambda _window: False,
    )


@contextlib.contextmanager
def vendor(reply=None):
    """Serve an account; `reply` is what every path answers in place of the truth."""
    with StubServer() as server:
        for key, answer in GOOD.items():
            server.answer(key.partition("?")[0], reply or Reply.json(answer))
        yield server


def wait_until_asked(server):
    pause = threading.Event()
    for _ in range(2_000):
        if server.asked:
            return
        pause.wait(0.005)
    raise AssertionError("the vendor was never asked")


def join_pollers():
    for thread in threading.enumerate():
        if thread.name.startswith("poller."):
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), thread


def test_a_refresh_of_the_others_does_not_wait_for_a_vendor_that_hangs_or_talks_nonsense():
    ear = Ear()
    with contextlib.ExitStack() as stack:
        servers = {
            "fast": stack.enter_context(vendor()),
            "slow": stack.enter_context(vendor(None)),
            "garbage": stack.enter_context(vendor(Reply(body=b"<html>hello</html>"))),
            "hanging": stack.enter_context(vendor(Reply(delay_s=3600.0))),
        }
        plans = [plan(name, server.url) for name, server in servers.items()]
        specs = [ear.spec("calculator"), *(_poller_spec(it) for it in plans)]
        system = System(
            tuple(specs),
            clock=SystemClock(),
            rng=random.Random(1),
            statuses=Published(()),
            scan_interval_s=0.05,
        )
        system.start()
        try:
            ear.wait_for(3)
            for name in servers:
                system.addresses[poller_name(name)].tell(RefreshRequested(id="r1"))
            heard = ear.wait_until(lambda heard: sum(isinstance(it, Fetched) for it in heard) == 4)
        finally:
            system.stop(0.2)
    join_pollers()

    good = [it.report.account for it in heard if isinstance(it, Fetched)]
    assert sorted(good) == ["fast", "fast", "slow", "slow"]
    assert "hanging" not in {it.report.account for it in heard}
    failed = {it.report.account: it.failure.reason for it in heard if isinstance(it, PollFailed)}
    assert failed == {"garbage": "schema"}


def test_stopping_with_ten_hanging_vendors_takes_as_long_as_with_one():
    ear = Ear()
    with contextlib.ExitStack() as stack:
        hanging = [stack.enter_context(vendor(Reply(delay_s=3600.0))) for _ in range(10)]
        plans = [plan(f"v{number}", server.url) for number, server in enumerate(hanging)]
        specs = [replace(_poller_spec(it), stop_timeout_s=_ONE_S) for it in plans]
        system = System(
            (ear.spec("calculator"), *specs),
            clock=SystemClock(),
            rng=random.Random(1),
            statuses=Published(()),
            scan_interval_s=0.05,
        )
        system.start()
        for server in hanging:
            wait_until_asked(server)
        began_s = time.monotonic()
        report = system.stop(20 * _ONE_S)
        took_s = time.monotonic() - began_s
    join_pollers()

    assert len(report.unstopped) == 10
    assert took_s < 5 * _ONE_S, "one after the other they would take ten times as long as one"
