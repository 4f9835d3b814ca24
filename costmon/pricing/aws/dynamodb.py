"""What AWS lists for DynamoDB on demand, standard table class.

The free 25 read and 25 write capacity units belong to provisioned capacity, and the free 2.5
million reads to streams: neither makes an on-demand request cheaper. The 25 GB of storage are free
in each region whatever the mode; the price list has them as its first tier.
"""

import datetime as dt

from costmon.pricing.aws.row import Confidence, PriceRow, tiers

SOURCE = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
AS_OF = dt.date(2026, 8, 15)
FREE_STORAGE_GB = 25


def _rows(
    region: str, write: str, read: str, storage: str, confidence: Confidence
) -> tuple[PriceRow, ...]:
    """Return a region's rows; prices per million request units and per GB-month."""
    return (
        PriceRow(region, "dynamodb_writes", tiers((0, write)), AS_OF, SOURCE, confidence),
        PriceRow(region, "dynamodb_reads", tiers((0, read)), AS_OF, SOURCE, confidence),
        PriceRow(
            region,
            "dynamodb_storage",
            tiers((0, "0"), (FREE_STORAGE_GB, storage)),
            AS_OF,
            SOURCE,
            # Storage was not part of the reduction: what is derived of requests is not of storage.
            "recalled" if confidence == "derived" else confidence,
        ),
    )


# Since 1 November 2024 an on-demand request costs about half of before (1.25 and 0.25 in Virginia).
DYNAMODB = (
    *_rows("us-east-1", "0.625", "0.125", "0.25", "listed"),
    *_rows("us-east-2", "0.625", "0.125", "0.25", "recalled"),
    *_rows("us-west-2", "0.625", "0.125", "0.25", "recalled"),
    *_rows("eu-west-1", "0.705", "0.1415", "0.283", "listed"),
    *_rows("eu-central-1", "0.7625", "0.1525", "0.306", "listed"),
    *_rows("ap-northeast-1", "0.715", "0.1425", "0.285", "listed"),
    # Half of the former 1.4231, rounded as Tokyo's and Ireland's were; and half of 1.875 and 0.375.
    *_rows("ap-southeast-1", "0.71", "0.1425", "0.285", "derived"),
    *_rows("sa-east-1", "0.9375", "0.1875", "0.375", "derived"),
)
