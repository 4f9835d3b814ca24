"""Encode the `data` of `GET /api/v1/costs/current`, once for each published snapshot.

An account may hold 100,000 resources: rows are encoded in chunks into one growing buffer.
"""

from collections.abc import Iterator
from io import BytesIO
from itertools import islice

from costmon.api.schemas.costs import account_cost, current_totals, headline, waste_notes
from costmon.api.schemas.encoding import encode
from costmon.api.schemas.resources import droplet_costs, resource_costs
from costmon.intake.answer import Answer
from costmon.state.value import Snapshot
from costmon.state.waste import waste_of

_ROWS_A_CHUNK = 500


def encode_current(snapshot: Snapshot) -> bytes:
    """Return the JSON object `CurrentCosts`; nothing before the first poll."""
    totals, accounts = headline(snapshot), snapshot.accounts
    if totals is None or snapshot.as_of is None:
        return b""
    out = BytesIO()
    out.write(encode(current_totals(totals, snapshot.as_of))[:-1])
    out.write(b',"providers":')
    out.write(encode([account_cost(account, snapshot.published_at) for account in accounts]))
    out.write(b',"waste":')
    out.write(encode(waste_notes(waste_of(accounts))))
    out.write(b',"droplets":[')
    _write_rows(out, droplet_costs(accounts))
    out.write(b'],"resources":[')
    _write_rows(out, resource_costs(accounts))
    out.write(b"]}")
    return out.getvalue()


def _write_rows(out: BytesIO, rows: Iterator[Answer]) -> None:
    separator = b""
    while chunk := list(islice(rows, _ROWS_A_CHUNK)):
        out.write(separator)
        out.write(memoryview(encode(chunk))[1:-1])
        separator = b","
