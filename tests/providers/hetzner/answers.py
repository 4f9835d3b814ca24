"""What Hetzner Cloud answers, in the form of its specification; the values are ours."""

from typing import Any


def price(net):
    return {"net": net, "gross": f"{net}000000"}


def place(name, monthly, hourly="0.0088000000"):
    return {
        "location": name,
        "price_hourly": price(hourly),
        "price_monthly": price(monthly),
        "included_traffic": 21_990_232_555_520,
        "price_per_tb_traffic": price("1.0000000000"),
    }


PRICING: dict[str, Any] = {
    "pricing": {
        "currency": "EUR",
        "vat_rate": "19.00",
        "traffic": {"price_per_tb": price("0.0000000000")},
        "floating_ip": {"price_monthly": price("9.9900000000")},
        "floating_ips": [
            {
                "type": "ipv4",
                "prices": [{"location": "fsn1", "price_monthly": price("3.0000000000")}],
            }
        ],
        "primary_ips": [
            {"type": "ipv4", "prices": [place("fsn1", "0.5000000000", "0.0008000000")]},
            {"type": "ipv6", "prices": [place("fsn1", "0.0000000000", "0.0000000000")]},
        ],
        "image": {"price_per_gb_month": price("0.0110000000")},
        "volume": {"price_per_gb_month": price("0.0440000000")},
        "server_backup": {"percentage": "20.00"},
        "server_types": [
            {"id": 114, "name": "cx23", "prices": [place("fsn1", "3.4900000000")]},
            {"id": 1, "name": "cx11", "prices": [place("fsn1", "2.9900000000")]},
        ],
        "load_balancer_types": [
            {"id": 1, "name": "lb11", "prices": [place("fsn1", "5.3900000000")]}
        ],
    }
}


def location(name):
    return {"id": 1, "name": name, "city": "Falkenstein", "country": "DE"}


def thing(number, name, **fields):
    return {
        "id": number,
        "name": name,
        "created": "2026-02-03T04:05:06+00:00",
        "labels": {},
        "location": location("fsn1"),
        **fields,
    }


def server(number, name="web-1", kind="cx23", **fields):
    return thing(
        number,
        name,
        **{
            "status": "running",
            "server_type": {"id": 114, "name": kind, "deprecated": False},
            "datacenter": {"id": 4, "name": "fsn1-dc14", "location": location("fsn1")},
            "backup_window": None,
            "outgoing_traffic": 123_456_789_012,
            "included_traffic": 21_990_232_555_520,
            **fields,
        },
    )


def page(key, items, number=1, following=None):
    return {
        key: items,
        "meta": {
            "pagination": {
                "page": number,
                "per_page": 50,
                "previous_page": None,
                "next_page": following,
                "last_page": following or number,
                "total_entries": None,
            }
        },
    }


SERVERS = [server(1), server(2, "web-2", backup_window="22-02"), server(3, "old", status="off")]
LOAD_BALANCER = thing(
    7,
    "lb",
    load_balancer_type={"id": 1, "name": "lb11"},
    targets=[{"type": "server"}],
    outgoing_traffic=5_000_000_000,
    included_traffic=21_990_232_555_520,
)
SNAPSHOT = thing(8, None, description="before the move", status="available", image_size=12.5)
EVERYTHING: dict[str, Any] = {
    "/pricing": PRICING,
    "/servers": page("servers", SERVERS),
    "/volumes": page("volumes", [thing(4, "data", size=100, status="available", server=1)]),
    "/floating_ips": page(
        "floating_ips",
        [thing(5, "moves", type="ipv4", server=1, home_location=location("fsn1"))],
    ),
    "/primary_ips": page(
        "primary_ips",
        [
            thing(6, "v4", type="ipv4", assignee_id=1),
            thing(9, "v6", type="ipv6", assignee_id=1),
        ],
    ),
    "/load_balancers": page("load_balancers", [LOAD_BALANCER]),
    "/images": page("images", [SNAPSHOT]),
}
NOTHING = {
    "/pricing": PRICING,
    **{
        path: page(path.strip("/"), [])
        for path in ("/servers", "/volumes", "/floating_ips", "/primary_ips", "/load_balancers")
    },
    "/images": page("images", []),
}
TWO_PAGES = {
    **EVERYTHING,
    "/servers?page=1": page("servers", SERVERS[:2], 1, 2),
    "/servers?page=2": page("servers", SERVERS[2:], 2),
}
