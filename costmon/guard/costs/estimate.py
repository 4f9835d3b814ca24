"""Total cost of an activity: transfer, Lambda, DynamoDB and S3, in its region."""

from typing import NamedTuple, get_args

from costmon.errors import AmountError
from costmon.guard.costs.activities import ACTIVITIES, Activities, Direction
from costmon.pricing.aws.account import AccountMonth, Cost, cost_of
from costmon.pricing.aws.calculators import no_month
from costmon.pricing.aws.exact import Quantity, quantity_of
from costmon.pricing.aws.prices import AWS, Prices
from costmon.pricing.aws.usage import (
    NO_USAGE,
    Architecture,
    Usage,
    invocations,
    read_units,
    write_units,
)


class Function(NamedTuple):
    """Configuration of the function that handles inbound activities.

    Attributes:
        memory_mb: Its configured memory.
        duration_ms: Duration of one invocation; measure yours.
        architecture: `x86` or `arm`.
    """

    memory_mb: int = 1024
    duration_ms: Quantity = 100
    architecture: Architecture = "x86"


USUAL = Function()


def usage_of(
    activity: str,
    *,
    bytes: int,
    direction: Direction = "outbound",
    attachments: int = 0,
    attachment_bytes: int = 0,
    response_bytes: int = 0,
    item_bytes: int = 0,
    function: Function = USUAL,
    activities: Activities = ACTIVITIES,
) -> Usage:
    """Return the usage of one activity; see `estimate_total_activity_cost`.

    Raises:
        UnknownActivityError: The kind is unknown.
        AmountError: A number is negative or not whole, or the direction is not valid.
    """
    if direction not in get_args(Direction):
        raise AmountError(f"direction={direction!r}"[:60], "'outbound' or 'inbound'")
    needs = activities.get(activity).resources(direction)
    sent, received = quantity_of("bytes", bytes), quantity_of("response_bytes", response_bytes)
    if direction == "inbound":
        sent, received = received, sent
    attached = quantity_of("attachments", attachments)
    handled = NO_USAGE
    if needs.invocations:
        handled = invocations(
            needs.invocations,
            function.duration_ms,
            memory_mb=function.memory_mb,
            architecture=function.architecture,
        )
    return handled._replace(
        transfer_out=sent,
        transfer_in=received,
        dynamodb_reads=needs.reads * read_units(item_bytes),
        dynamodb_writes=needs.writes * write_units(item_bytes),
        s3_puts=needs.puts + needs.puts_per_attachment * attached,
        s3_storage=quantity_of("attachment_bytes", attachment_bytes)
        if needs.puts_per_attachment
        else 0,
    )


def estimate_total_activity_cost(
    activity: str,
    *,
    bytes: int,
    region: str,
    direction: Direction = "outbound",
    attachments: int = 0,
    attachment_bytes: int = 0,
    response_bytes: int = 0,
    item_bytes: int = 0,
    function: Function = USUAL,
    so_far: AccountMonth | None = None,
    prices: Prices = AWS,
    activities: Activities = ACTIVITIES,
) -> Cost:
    """Return the cost of one activity, by service and in total; US dollars, never rounded.

    Without `so_far` nothing is free, as for an account whose free usage is used up. With it, free
    usage and tiers are those of the account's month; `costmon.guard.costs.account.Account` tracks
    it.

    Args:
        activity: A kind, such as `delivery` or `Create`.
        bytes: Bytes of the activity, as sent over the wire.
        region: AWS region code of where it is handled.
        direction: `outbound`: its bytes are sent; `inbound`: they are received, which is free.
        attachments: How many files are stored with it, if its kind stores files.
        attachment_bytes: Total bytes of these files; one month of storage is counted.
        response_bytes: Bytes of the response, in the other direction.
        item_bytes: Bytes of each item read or written; 0 counts one unit (up to 4 KB read, 1 KB
            written).
        function: The function that handles inbound activities.
        so_far: The account's month so far.
        prices: The price list (default: the built-in one).
        activities: The kinds of activities (default: the built-in ones).

    Raises:
        UnknownActivityError: The kind is unknown.
        PriceUnknownError: The region has no price for something that is used.
        AmountError: A number is negative or not whole, or the direction is not valid.
    """
    usage = usage_of(
        activity,
        bytes=bytes,
        direction=direction,
        attachments=attachments,
        attachment_bytes=attachment_bytes,
        response_bytes=response_bytes,
        item_bytes=item_bytes,
        function=function,
        activities=activities,
    )
    return cost_of(so_far or no_month(), usage, region, prices)
