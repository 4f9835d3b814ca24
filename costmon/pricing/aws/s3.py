"""What AWS lists for S3 Standard: storage and requests."""

import datetime as dt

from costmon.pricing.aws.row import Confidence, PriceRow, tiers
from costmon.pricing.aws.usage import GB

SOURCE = "https://aws.amazon.com/s3/pricing/"
AS_OF = dt.date(2026, 9, 26)

FIRST_YEAR_STORAGE = 5 * GB
FIRST_YEAR_PUTS = 2000
FIRST_YEAR_GETS = 20_000
"""A month, an account, in the first 12 months of accounts that were made before 15 July 2025.

Later ones get credits instead.
"""

_TB = 1024


def _rows(  # noqa: PLR0913, PLR0917 - a line of the price list
    region: str,
    first: str,
    next_450: str,
    over_500: str,
    put: str,
    get: str,
    confidence: Confidence,
) -> tuple[PriceRow, ...]:
    """Return a region's rows; prices per GB-month and per 1,000 requests."""
    steps = ((0, first), (50 * _TB, next_450), (500 * _TB, over_500))
    return (
        PriceRow(region, "s3_storage", tiers(*steps), AS_OF, SOURCE, confidence),
        PriceRow(region, "s3_puts", tiers((0, put)), AS_OF, SOURCE, confidence),
        PriceRow(region, "s3_gets", tiers((0, get)), AS_OF, SOURCE, confidence),
    )


S3 = (
    *_rows("us-east-1", "0.023", "0.022", "0.021", "0.005", "0.0004", "listed"),
    *_rows("us-east-2", "0.023", "0.022", "0.021", "0.005", "0.0004", "recalled"),
    *_rows("us-west-2", "0.023", "0.022", "0.021", "0.005", "0.0004", "recalled"),
    # Of the rest the first tier and the requests were compared, the upper tiers are recalled;
    # of Singapore all is.
    *_rows("eu-west-1", "0.023", "0.022", "0.021", "0.005", "0.0004", "recalled"),
    *_rows("eu-central-1", "0.0245", "0.0235", "0.0225", "0.0054", "0.00043", "recalled"),
    *_rows("ap-southeast-1", "0.025", "0.024", "0.023", "0.005", "0.0004", "recalled"),
    *_rows("ap-northeast-1", "0.025", "0.024", "0.023", "0.0047", "0.00037", "recalled"),
    *_rows("sa-east-1", "0.0405", "0.039", "0.037", "0.007", "0.00056", "recalled"),
)
