"""urllib3: a pool manager with a price per byte uploaded.

Run it: `python examples/guard/with_urllib3.py`. It talks to a simulated vendor on loopback.
"""

from pretend_vendor import PretendVendor

from costmon.guard import Budget, BudgetRefused, Costing, Guard, egress_price
from costmon.guard.urllib3 import GuardedPoolManager


def main() -> None:
    """Upload megabytes at AWS's egress price until $0.001 is spent."""
    costing = Costing(per_gb_out=egress_price("us-east-1"))
    with PretendVendor() as vendor, Guard(budgets=[Budget("host:*", "0.001", "day")]) as guard:
        http = GuardedPoolManager(guard, costing=costing)
        megabyte = b"x" * 1_000_000
        try:
            while True:
                http.request("PUT", f"{vendor.url}/object", body=megabyte)
                print(f"sent; {guard.spent('host:127.0.0.1', 'day')} USD spent")
        except BudgetRefused as refused:
            print(f"refused: {refused}")
        finally:
            http.clear()
        print(f"the vendor received {vendor.asked} objects")


if __name__ == "__main__":
    main()
