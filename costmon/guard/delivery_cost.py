"""The cost of a delivery: transferred bytes and the resources that its kind of activity uses."""

from collections.abc import Callable

from costmon.domain.amount import Amount
from costmon.errors import UnknownActivityError

DeliveryCost = Callable[[str, int, int], Amount]
"""Cost in major units of (activity, bytes sent, bytes received); the activity may be any text."""

DELIVERY = "delivery"

_LONGEST = 60


def aws_delivery_cost(region: str = "us-east-1") -> DeliveryCost:
    """Return the cost at AWS's list prices in a region, US dollars, without free allowances.

    An activity of an unknown kind costs as much as a `delivery`.
    """

    def cost(activity: str, bytes_out: int, bytes_in: int) -> Amount:
        from costmon.guard.costs.estimate import estimate_total_activity_cost

        try:
            found = estimate_total_activity_cost(
                activity, bytes=bytes_out, region=region, response_bytes=bytes_in
            )
        except UnknownActivityError:
            found = estimate_total_activity_cost(
                DELIVERY, bytes=bytes_out, region=region, response_bytes=bytes_in
            )
        return found.total

    return cost


def activity_of(body: str | bytes) -> str:
    """Return the `type` of an activity's JSON; `delivery` if it is not a short word."""
    import json

    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return DELIVERY
    kind = read.get("type") if isinstance(read, dict) else None
    if isinstance(kind, str) and len(kind) <= _LONGEST and kind.isascii() and kind.isalnum():
        return kind
    return DELIVERY


def size_of(body: str | bytes) -> int:
    """Return how many bytes a body is on the wire, without headers."""
    return len(body.encode("utf-8", "surrogatepass")) if isinstance(body, str) else len(body)


def received_bytes(result: object) -> int:
    """Return the size of a response's body in bytes; 0 when it is not known.

    The body is not read for this, because the program may want to read it as a stream later.
    """
    if isinstance(result, str | bytes):
        return size_of(result)
    counted = getattr(result, "num_bytes_downloaded", None)  # httpx: as sent over the wire
    if isinstance(counted, int) and counted > 0:
        return counted
    headers = getattr(result, "headers", None)
    for name in ("Content-Length", "content-length"):
        try:
            return max(0, int(headers.get(name)))  # type: ignore[union-attr]  # a missing `get` is caught below
        except (AttributeError, TypeError, ValueError):
            continue
    for name in ("_content", "_body"):  # requests and aiohttp, when the body has been read
        body = getattr(result, name, None)
        if isinstance(body, bytes):
            return len(body)
    return 0
