"""What AWS lists for Lambda: requests, and GB-seconds on x86 and Arm."""

import datetime as dt

from costmon.pricing.aws.row import Confidence, PriceRow, tiers
from costmon.pricing.aws.usage import GB_SECOND

SOURCE = "https://aws.amazon.com/lambda/pricing/"
AS_OF = dt.date(2026, 9, 19)

FREE_REQUESTS = 1_000_000
FREE_COMPUTE = 400_000 * GB_SECOND
"""MB-milliseconds a month, an account, both architectures together; not only in the first year."""

# The eight regions have one price; others (Milan, Hong Kong, Bahrain, Cape Town) cost more.
_REGIONS: tuple[tuple[str, Confidence], ...] = (
    ("us-east-1", "listed"),
    ("us-east-2", "recalled"),
    ("us-west-2", "recalled"),
    ("eu-west-1", "recalled"),  # x86 and requests were compared, Arm was not
    ("eu-central-1", "recalled"),
    ("ap-southeast-1", "recalled"),
    ("ap-northeast-1", "recalled"),
    ("sa-east-1", "recalled"),
)
_REQUESTS = tiers((0, "0.20"))
_X86 = tiers((0, "0.0000166667"), (6_000_000_000, "0.000015"), (15_000_000_000, "0.0000133334"))
_ARM = tiers((0, "0.0000133334"), (7_500_000_000, "0.0000120001"), (18_750_000_000, "0.0000106667"))

LAMBDA = tuple(
    PriceRow(region, meter, steps, AS_OF, SOURCE, confidence)
    for region, confidence in _REGIONS
    for meter, steps in (
        ("lambda_requests", _REQUESTS),
        ("lambda_x86", _X86),
        ("lambda_arm", _ARM),
    )
)
