"""What every inventory keeps to."""

import datetime as dt
from decimal import Decimal
from typing import ClassVar

from costmon.domain.resource import Inventory
from costmon.providers.base import Provider
from costmon.testing.provider_contract.reading import Failure, ReadingContract
from costmon.testing.provider_contract.vendor import ACCOUNT, Recording
from costmon.testing.stub import Reply, StubServer


class InventoryContract(ReadingContract[Inventory]):
    """The cases of an inventory. A subclass sets the attributes, those of `ReadingContract` too.

    A kind that could not be read may be in `failed`; then the other kinds are there.

    Attributes:
        many: An account whose main listing has several pages.
    """

    many: ClassVar[Recording]

    def ask(self, provider: Provider) -> Inventory:
        """Read the inventory."""
        return provider.inventory(ACCOUNT, self.now)

    def partial_failure(self, reading: Inventory) -> Failure | None:
        """Return why a kind could not be read, if there is one."""
        return next(
            (Failure(reason=one.reason, text=one.message, error=None) for one in reading.failed),
            None,
        )

    def says_gap(self, reading: Inventory) -> bool:
        """Tell whether a kind is named as not visible."""
        return any("not visible with this token" in gap.reason for gap in reading.gaps)

    def check_contents(self, reading: Inventory, recording: Recording) -> None:
        """Assert that all resources are there."""
        assert len(reading.resources) == recording.resources

    def test_everything_in_an_account_is_read(self, server: StubServer) -> None:
        """A resource says whose it is, what it is, and costs an exact amount or none."""
        inventory = self.read(self.serve(server, self.account))

        self.check_contents(inventory, self.account)
        assert (inventory.account, inventory.provider) == (ACCOUNT, self.slug)
        assert inventory.observed_at == self.now
        assert inventory.gaps == ()
        assert inventory.failed == ()
        keys = [resource.key for resource in inventory.resources]
        assert len(set(keys)) == len(keys)
        for resource in inventory.resources:
            assert (resource.account, resource.provider) == (ACCOUNT, self.slug)
            assert resource.created_at is None or resource.created_at.tzinfo is dt.UTC
            assert resource.monthly_cost is not None or resource.unpriced is not None
            if resource.monthly_cost is not None:
                assert isinstance(resource.monthly_cost, Decimal)
                assert resource.monthly_cost >= 0

    def test_an_empty_account_is_empty(self, server: StubServer) -> None:
        """Nothing is a good answer."""
        inventory = self.read(self.serve(server, self.empty))

        assert inventory.resources == ()
        assert inventory.gaps == ()
        assert inventory.failed == ()

    def test_every_page_is_read_once(self, server: StubServer) -> None:
        """No page is left out, and none costs two requests."""
        inventory = self.read(self.serve(server, self.many))

        self.check_contents(inventory, self.many)
        asked = [(asked.path, tuple(sorted(asked.pairs))) for asked in server.asked]
        assert len(set(asked)) == len(asked)

    def test_a_refused_kind_leaves_the_others_to_be_seen(self, server: StubServer) -> None:
        """403 on one kind hides that kind only."""
        vendor = self.serve(server, self.account)
        vendor.fault(self.main_path, Reply.json({"id": "forbidden"}, status=403))

        inventory = self.read(vendor)

        assert self.says_gap(inventory)
        assert 0 < len(inventory.resources) < self.account.resources
