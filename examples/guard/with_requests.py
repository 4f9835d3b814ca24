"""requests: a session with a guard for every request.

Run it: `python examples/guard/with_requests.py`. It talks to a simulated vendor on loopback.
"""

from pretend_vendor import QUESTION, PretendVendor

from costmon.guard import Budget, BudgetRefused, Guard
from costmon.guard.requests import GuardedSession


def main() -> None:
    """Ask until the model's budget has no room for another worst case."""
    with (
        PretendVendor() as vendor,
        Guard(budgets=[Budget("model:gpt-4o", "0.03", "day")]) as guard,
        GuardedSession(guard, max_retries=2) as session,
    ):
        try:
            while True:
                session.post(vendor.chat, json=QUESTION, timeout=10).raise_for_status()
                print(f"answered; {guard.spent('model:gpt-4o', 'day')} USD spent")
        except BudgetRefused as refused:
            print(f"refused: {refused}")
        print(f"the vendor got {vendor.asked} requests")


if __name__ == "__main__":
    main()
