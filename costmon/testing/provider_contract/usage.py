"""What all usage keeps to: exact quantities, each once, with the span that they are for."""

import datetime as dt
import re
from decimal import Decimal

from costmon.domain.usage import UsageReading
from costmon.providers.base import Provider
from costmon.testing.provider_contract.reading import ReadingContract
from costmon.testing.provider_contract.vendor import ACCOUNT, Recording
from costmon.testing.stub import StubServer

# A slug; after a colon what it was used of: `output_tokens:gpt-5.2`.
_SLUG = re.compile(r"[a-z][a-z0-9_]*(:\S+)?")


class UsageContract(ReadingContract[UsageReading]):
    """The cases of usage. A subclass sets the attributes of `ReadingContract`.

    `used` of a recording has every quantity that must come of it.
    """

    def ask(self, provider: Provider) -> UsageReading:
        """Read the usage."""
        return provider.usage(ACCOUNT, self.now)

    def says_gap(self, reading: UsageReading) -> bool:
        """Tell whether a quantity is named as not visible."""
        return bool(_gaps(reading) - self.known_gaps)

    def check_contents(self, reading: UsageReading, recording: Recording) -> None:
        """Assert that every quantity is there, exactly, and no other."""
        used = {(one.quota, one.project): one.used for one in reading.quantities}
        assert used == recording.used

    def test_every_quantity_is_read_exactly(self, server: StubServer) -> None:
        """Each is there once, as the vendor says."""
        reading = self.read(self.serve(server, self.account))

        assert (reading.account, reading.provider) == (ACCOUNT, self.slug)
        assert reading.observed_at == self.now
        assert _gaps(reading) == self.known_gaps
        keys = [(one.quota, one.project) for one in reading.quantities]
        assert len(set(keys)) == len(keys)
        self.check_contents(reading, self.account)

    def test_quantities_are_well_formed(self, server: StubServer) -> None:
        """They are finite, not negative, and say what they count, in what, and since when."""
        reading = self.read(self.serve(server, self.account))

        assert reading.quantities
        assert reading.complete_through is None or reading.complete_through <= self.now
        for one in reading.quantities:
            assert _SLUG.fullmatch(one.quota)
            assert one.unit.strip()
            assert isinstance(one.used, Decimal)
            assert one.used.is_finite()
            assert one.used >= 0
            assert one.limit is None or one.limit >= 0
            assert (one.start.tzinfo, one.end.tzinfo) == (dt.UTC, dt.UTC)
            assert one.start <= one.end <= self.now
            assert one.resets_at is None or one.resets_at > one.start

    def test_an_empty_account_has_used_nothing(self, server: StubServer) -> None:
        """What the vendor says is 0 is 0; what it does not mention is not there."""
        reading = self.read(self.serve(server, self.empty))

        self.check_contents(reading, self.empty)
        assert _gaps(reading) == self.known_gaps


def _gaps(reading: UsageReading) -> frozenset[str]:
    return frozenset(gap.kind for gap in reading.gaps)
