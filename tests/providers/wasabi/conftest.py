import datetime as dt
import random
from contextlib import ExitStack, closing

import pytest

from costmon.clock import SystemClock
from costmon.outbound import HttpOutbound, OutboundLimits
from costmon.providers import catalog
from costmon.providers.base import ProviderSetup
from costmon.testing import Reply, StubServer
from tests.providers.wasabi import answers

KEYS = {"access_key": "PLANTEDACCESSKEY", "secret_key": "planted/secret+key0123456789"}


class Vendor:
    """A server that is Wasabi's stats API and S3, and the provider that reads it."""

    def __init__(self, server, *, prices=None, buckets=()):
        self._server = server
        self._prices = prices or {}
        self._options = {"s3_url": server.url}
        if buckets:
            self._options["buckets"] = buckets

    def refuse_stats(self, status=403):
        """Answer the stats API as for a key that may not read it."""
        for path in (answers.ACCOUNT, answers.BUCKET):
            self._server.answer(path, Reply.json({"Msg": "no"}, status=status))

    def days(self, *days):
        """Answer the account's days."""
        self._server.answer(answers.ACCOUNT, Reply.json(answers.page(list(days))))
        self._server.answer(answers.BUCKET, Reply.json(answers.page([])))

    def _read(self, read):
        info = catalog.modules()["wasabi"].info
        with ExitStack() as clients:

            def connect(url, headers):
                return clients.enter_context(
                    closing(
                        HttpOutbound(
                            provider="wasabi",
                            base_url=url,
                            headers=headers,
                            clock=SystemClock(),
                            rng=random.Random(1),
                            pause=lambda _seconds: True,
                            beat=lambda: None,
                            limits=OutboundLimits(),
                        )
                    )
                )

            setup = ProviderSetup(
                outbound=connect(self._server.url, info.authentication(KEYS)),
                prices=self._prices,
                options=self._options,
                credentials=KEYS,
                connect=connect,
            )
            return read(catalog.create("wasabi", setup))

    def charges(self, now, known_through=None):
        """Return all windows."""
        return self._read(lambda provider: list(provider.charges("s3", now, known_through)))

    def usage(self, now):
        """Return the reading."""
        return self._read(lambda provider: provider.usage("s3", now))


@pytest.fixture
def server():
    with StubServer() as server:
        yield server


@pytest.fixture
def make_vendor(server):
    return lambda **given: Vendor(server, **given)


@pytest.fixture
def now():
    return dt.datetime(2026, 11, 5, 9, tzinfo=dt.UTC)
