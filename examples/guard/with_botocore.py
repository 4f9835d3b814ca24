"""botocore (and boto3): a client with a guard for every attempt.

Run it: `python examples/guard/with_botocore.py`. It talks to a simulated vendor on loopback.
"""

import botocore.session
from botocore.config import Config
from pretend_vendor import PretendVendor

from costmon.guard import Budget, BudgetRefused, Costing, Guard
from costmon.guard.botocore import guard_client


def main() -> None:
    """Put objects at S3's price for a PUT until the budget is spent."""
    with PretendVendor() as vendor, Guard(budgets=[Budget("global", "0.000015", "day")]) as guard:
        plain = botocore.session.Session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=vendor.url,
            aws_access_key_id="nobody",
            aws_secret_access_key="nothing",
            config=Config(retries={"mode": "standard"}),
        )
        client = guard_client(plain, guard, Costing(per_call="0.000005"))
        try:
            while True:
                client.put_object(Bucket="bucket", Key="key", Body=b"content")
                print(f"stored; {guard.spent('global', 'day')} USD spent")
        except BudgetRefused as refused:
            print(f"refused: {refused}")
        finally:
            client.close()
        print(f"the vendor got {vendor.asked} requests")


if __name__ == "__main__":
    main()
