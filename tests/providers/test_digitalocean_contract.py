"""DigitalOcean keeps to what every provider keeps to."""

from typing import ClassVar

from costmon.testing import digitalocean as do
from costmon.testing.provider_contract import InventoryContract, Recording


class TestDigitalOcean(InventoryContract):
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
