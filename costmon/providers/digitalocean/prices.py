"""DigitalOcean's list prices for what its API names no price of.

USD per month and unit; `backup:*` is a share of the droplet's price. What is not in here and not
in the user's own table is shown as "price unknown", never as free.
"""

import datetime as dt
from decimal import Decimal

from costmon.pricing.table import PriceTable

DIGITALOCEAN = PriceTable(
    currency="USD",
    as_of=dt.date(2026, 6, 29),
    source="DigitalOcean's public price pages",
    listed={
        "backup:weekly": Decimal("0.20"),
        "backup:daily": Decimal("0.30"),
        "volume:gib": Decimal("0.10"),
        "snapshot:gib": Decimal("0.06"),
        "load_balancer:regional_node": Decimal(12),
        "load_balancer:regional_network": Decimal(15),
        "load_balancer:global": Decimal(15),
        "reserved_ip:assigned": Decimal(0),
        "reserved_ip:unassigned": Decimal(5),
        "kubernetes_cluster:standard": Decimal(0),
        "kubernetes_cluster:ha": Decimal(40),
        # One node of a cluster; a standby node costs as much as the primary.
        "database:db-s-1vcpu-1gb": Decimal(15),
        "database:db-s-1vcpu-2gb": Decimal(30),
        "database:db-s-2vcpu-4gb": Decimal(60),
        "database:db-s-4vcpu-8gb": Decimal(120),
        "database:db-s-6vcpu-16gb": Decimal(240),
        "database:db-s-8vcpu-32gb": Decimal(480),
    },
)
