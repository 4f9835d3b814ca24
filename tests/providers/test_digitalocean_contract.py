"""DigitalOcean keeps to what every provider keeps to."""

from decimal import Decimal
from typing import ClassVar

from costmon.domain.charge import ChargeWindow
from costmon.testing import digitalocean as do
from costmon.testing.provider_contract import (
    AmountForms,
    ChargesContract,
    Digits,
    Failure,
    InventoryContract,
    Place,
    Recording,
    UsageContract,
)
from costmon.testing.stub import Reply, StubServer

CHARGE_PATHS = frozenset(
    {
        do.INVOICES,
        do.PREVIEW,
        do.OCTOBER,
        f"{do.PREVIEW}/summary",
        f"{do.OCTOBER}/summary",
        # Whether a token that may not read invoices may read anything.
        do.DROPLETS,
    }
)
ITEMS = [
    do.item("8.03"),
    do.item("5.00", product="Spaces Subscription", resource_id=None, resource_uuid=None),
    do.item("-3.03", product="Credits", description="Promotional credit", resource_uuid=None),
]
EMPTY = {**do.empty_account(), do.INVOICES: do.invoices([]), do.PREVIEW: do.items([])}


def in_october(line):
    return line | {"start_time": "2026-10-01T00:00:00Z", "end_time": "2026-11-01T00:00:00Z"}


def history():
    """Return the answers of an account with an invoice for each of the last twelve months."""
    months = [f"2025-{month:02}" for month in (11, 12)]
    months += [f"2026-{month:02}" for month in range(1, 11)]
    closed = [do.invoice(f"uuid-{month}", month, "8.03") for month in reversed(months)]
    lines = {
        f"{do.INVOICES}/uuid-{month}": do.items(
            [do.item(start_time=f"{month}-02T00:00:00Z", end_time=f"{month}-21T00:00:00Z")]
        )
        for month in months
    }
    return {
        do.INVOICES: do.invoices(closed, amount="10.00"),
        do.PREVIEW: do.items(ITEMS),
        **lines,
    }


class TestInventory(InventoryContract):
    slug = "digitalocean"
    account = Recording(answers=do.full_account(), resources=11)
    empty = Recording(answers=do.empty_account(), resources=0)
    many = Recording(
        answers={
            **do.empty_account(),
            **do.pages(do.DROPLETS, [do.droplet(number) for number in range(1, 8)], size=3),
            **do.pages(do.GPU_DROPLETS, [do.droplet(number) for number in (91, 92)], size=1),
            **do.pages(do.VOLUMES, [do.volume("a"), do.volume("b")], size=1),
        },
        resources=11,
    )
    main_path = "/v2/droplets"
    main_kind: ClassVar[str | None] = "droplet"
    main_field: ClassVar[tuple[str | int, ...]] = ("droplets", 0, "id")
    documented_paths = frozenset(
        {
            "/v2/droplets",
            "/v2/droplets/backups/policies",
            "/v2/sizes",
            "/v2/customers/my/balance",
            "/v2/volumes",
            "/v2/snapshots",
            "/v2/load_balancers",
            "/v2/reserved_ips",
            "/v2/databases",
            "/v2/kubernetes/clusters",
            "/v2/registry/subscription",
            "/v2/apps",
            "/v2/apps/tiers/instance_sizes",
        }
    )


class TestInvoices(ChargesContract):
    """The listing, for an account whose preview has no items that can be read."""

    slug = "digitalocean"
    account = Recording(
        answers={
            **do.empty_account(),
            do.INVOICES: do.invoices([do.invoice("october-uuid", "2026-10", "10.00")], amount="7"),
            do.PREVIEW: Reply.json({"id": "not_found"}, status=404),
            do.OCTOBER: do.items([in_october(line) for line in ITEMS]),
        },
        rows=4,
        total=Decimal(17),
    )
    empty = Recording(answers=EMPTY)
    history = Recording(answers=history(), rows=15, total=Decimal("106.36"))
    main_path = do.INVOICES
    main_field: ClassVar[Place] = ("invoice_preview", "invoice_uuid")
    amount_field: ClassVar[Place] = ("invoice_preview", "amount")
    amount_forms: ClassVar[AmountForms] = ("text", "number")
    documented_paths = CHARGE_PATHS


class TestInvoiceItems(TestInvoices):
    """The items of the preview."""

    account = Recording(
        answers={
            **do.empty_account(),
            do.INVOICES: do.invoices(
                [do.invoice("october-uuid", "2026-10", "10.00")], amount="10.00"
            ),
            do.PREVIEW: do.items(ITEMS),
            do.OCTOBER: do.items([in_october(line) for line in ITEMS]),
        },
        rows=6,
        total=Decimal(20),
    )
    main_path = do.PREVIEW
    main_field: ClassVar[Place] = ("invoice_items", 0, "amount")
    amount_field: ClassVar[Place] = main_field

    def partial_failure(self, reading: tuple[ChargeWindow, ...]) -> Failure | None:
        """Return why there are no items, where the preview's total was taken instead."""
        reasons = [gap.reason for gap in reading[0].gaps if gap.kind == "items"]
        return Failure(reason="schema", text=reasons[0], error=None) if reasons else None

    def test_an_amount_keeps_every_digit(self, server: StubServer) -> None:
        """The item has it, and another row what then is missing of the invoice's amount."""
        for form in self.amount_forms:
            for digits in ("0", "0.06", "0.000000000001", "1234567.123456789012345678"):
                vendor = self.serve(server, self.account)
                amount = digits if form == "text" else Digits(digits)
                vendor.alter(self.main_path, self.replaced(self.amount_field, amount))

                charges = self.read(vendor)[0].charges

                assert charges[0].billed_cost == Decimal(digits)
                assert charges[-1].service_name == "Not itemized"
                assert charges[-1].billed_cost == Decimal("8.03") - Decimal(digits)

    def test_a_restated_amount_keeps_its_key(self, server: StubServer) -> None:
        """A line that is read again with another amount is the same row."""
        vendor = self.serve(server, self.account)
        before = self.read(vendor)[0].charges
        vendor.alter(self.main_path, self.replaced(self.amount_field, "77.25"))

        after = self.read(vendor)[0].charges

        assert after[0].billed_cost == Decimal("77.25")
        keys = [row.source_row_key for row in before]
        assert [row.source_row_key for row in after[: len(before)]] == keys


class TestUsage(UsageContract):
    slug = "digitalocean"
    account = Recording(
        answers={
            **do.empty_account(),
            do.DROPLETS: do.listing("droplets", [do.droplet(101)], total=7),
            do.RESERVED_IPS: do.listing("reserved_ips", [do.reserved_ip()]),
            do.INSIGHTS: do.insights(
                [
                    do.data_point("2026-11-18", "9.99"),
                    do.data_point("2026-11-19", "0.86"),
                    do.data_point("2026-11-19", "0.14"),
                    do.data_point("2026-11-19", "2.57", sku="1-KS-K8SWN-00109"),
                ]
            ),
        },
        used={
            ("droplets", None): Decimal(7),
            ("reserved_ips", None): Decimal(1),
            ("daily_cost", None): Decimal("3.57"),
            ("daily_cost:1-DO-DROP-0109", None): Decimal("1.00"),
            ("daily_cost:1-KS-K8SWN-00109", None): Decimal("2.57"),
        },
    )
    empty = Recording(
        answers=EMPTY,
        used={("droplets", None): Decimal(0), ("reserved_ips", None): Decimal(0)},
    )
    main_path = do.ACCOUNT
    main_field: ClassVar[Place] = ("account", "uuid")
    documented_paths = frozenset({do.ACCOUNT, do.DROPLETS, do.RESERVED_IPS, do.INSIGHTS})
