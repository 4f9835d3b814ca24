"""What an activity costs in all: transfer, Lambda, DynamoDB and S3, in its region."""

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
    """How the function is set up that handles inbound activities.

    Attributes:
        memory_mb: What it is configured with.
        duration_ms: What one invocation takes; measure yours.
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
    """Return what one activity uses; see `estimate_total_activity_cost`.

    Raises:
        UnknownActivityError: There is no such kind.
        AmountError: A figure is negative or no whole number, or there is no such direction.
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
    """Return what one activity costs, by service and in all; US dollars, never rounded.

    Without `so_far` nothing is free, as for an account whose free use is used up. With it, free use
    and tiers are those of the account's month; `costmon.guard.costs.account.Account` keeps one.

    Args:
        activity: A kind, such as `delivery` or `Create`.
        bytes: Of the activity, as it goes over the wire.
        region: AWS's code of where it is handled.
        direction: `outbound`: its bytes are sent; `inbound`: they are received, which is free.
        attachments: How many files are stored with it, where its kind stores them.
        attachment_bytes: Of all these files; the storage of a month is counted.
        response_bytes: Of the answer, which goes the other way.
        item_bytes: Of each item read or written; 0 counts one unit (up to 4 KB read, 1 KB written).
        function: What handles inbound activities.
        so_far: The account's month before it.
        prices: The price list, or yours.
        activities: The kinds there are, or yours.

    Raises:
        UnknownActivityError: There is no such kind.
        PriceUnknownError: The region has no price of what is used.
        AmountError: A figure is negative or no whole number, or there is no such direction.
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
