"""What MongoDB Atlas answers, in the form of its specification; the values are ours."""

from decimal import Decimal

from costmon.testing import Asked

ORG = "5f0000000000000000000a01"
WEB = "5f0000000000000000000b01"
JOBS = "5f0000000000000000000b02"
API = "/api/atlas/v2"
INVOICES = f"{API}/orgs/{ORG}/invoices"
PENDING = f"{INVOICES}/pending"
GROUPS = f"{API}/groups"


def line(day, cents, sku="ATLAS_AWS_INSTANCE_M10", **fields):
    return {
        "startDate": f"{day}T00:00:00Z",
        "endDate": f"{day[:8]}{int(day[8:]) + 1:02}T00:00:00Z",
        "created": f"{day[:8]}{int(day[8:]) + 1:02}T02:57:56Z",
        "sku": sku,
        "totalPriceCents": cents,
        "quantity": 24.0,
        "unit": "server hours",
        "unitPriceDollars": 0.08,
        "groupId": WEB,
        "groupName": "web",
        "clusterName": "prod",
        **fields,
    }


def invoice(number, month, lines, **fields):
    year, of_year = map(int, month.split("-"))
    following = f"{year + of_year // 12}-{of_year % 12 + 1:02}"
    return {
        "id": f"6a000000000000000000{number:04x}",
        "orgId": ORG,
        "startDate": f"{month}-01T00:00:00Z",
        "endDate": f"{following}-01T00:00:00Z",
        "statusName": "CLOSED",
        "lineItems": lines,
        **fields,
    }


def page(results, total=None):
    return {"links": [], "results": results, "totalCount": len(results) if total is None else total}


LINES = [
    line("2026-11-19", 192),
    line("2026-11-20", 192, discountCents=19),
    line("2026-11-20", 0, "ATLAS_AWS_DATA_TRANSFER_SAME_REGION", quantity=6.035e-07, unit="GB"),
    line("2026-11-20", -50, "CREDIT_GOODWILL", groupId=None, clusterName=None, groupName=None),
]
CURRENT = invoice(0xC, "2026-11", LINES, statusName="PENDING", subtotalCents=365, creditsCents=0)
PENDING_ANSWER = page([CURRENT])
ROWS, TOTAL = 4, Decimal("3.15")
NOTHING = page([invoice(0xC, "2026-11", [], statusName="PENDING", subtotalCents=0)])

PAST = [
    invoice(number, month, [line(f"{month}-05", 1)])
    for number, month in enumerate(
        [f"2025-{month:02}" for month in range(9, 13)]
        + [f"2026-{month:02}" for month in range(1, 12)],
        start=0x100,
    )
]
HISTORY = {
    PENDING: page([{**PAST[-1], "statusName": "PENDING"}]),
    INVOICES: page(
        [{key: value for key, value in one.items() if key != "lineItems"} for one in PAST]
    ),
    **{f"{INVOICES}/{one['id']}": one for one in PAST},
}


def measured(*values, kind="QUERY"):
    return {
        "groupId": WEB,
        "measurements": [
            {
                "name": f"OPCOUNTER_{kind}",
                "units": "SCALAR_PER_SECOND",
                "dataPoints": [
                    {"timestamp": f"2026-11-20T{hour:02}:00:00Z", "value": value}
                    for hour, value in enumerate(values)
                ],
            }
        ],
    }


def process(host, kind="REPLICA_PRIMARY"):
    return {"id": f"{host}.example.net:27017", "typeName": kind, "hostname": host}


def measurements(group, host):
    return f"{GROUPS}/{group}/processes/{host}.example.net:27017/measurements"


USAGE = {
    GROUPS: page([{"id": WEB, "name": "web"}, {"id": JOBS, "name": "jobs"}]),
    f"{GROUPS}/{WEB}/processes": page([process("a"), process("r", "SHARD_MONGOS")]),
    f"{GROUPS}/{JOBS}/processes": page([process("b")]),
    measurements(WEB, "a"): measured(0.5, None, 1.25),
    measurements(JOBS, "b"): measured(2.0, kind="INSERT"),
}
USED = {
    ("operations", None): Decimal(13_500),
    ("operations", "web"): Decimal(6_300),
    ("operations", "jobs"): Decimal(7_200),
}
NO_USAGE = {GROUPS: page([{"id": WEB, "name": "web"}]), f"{GROUPS}/{WEB}/processes": page([])}


def many(asked: Asked):
    """Answer 501 projects on two pages."""
    ids = [f"5f00000000000000{number:08x}" for number in range(501)]
    first = 500 * (int(asked.query["pageNum"]) - 1)
    return page([{"id": one, "name": one} for one in ids[first : first + 500]], total=501)
