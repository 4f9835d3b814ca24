"""Any callable: a decorator, a `with` statement, and all libraries at once.

Run it: `python examples/guard/with_anything.py`. It talks to a simulated vendor on loopback.
"""

import urllib.request

import requests
from pretend_vendor import PretendVendor

from costmon.guard import Budget, CallRefused, Costing, Guard
from costmon.guard.calls import guarded


def main() -> None:
    """Show three ways to guard calls."""
    with PretendVendor() as vendor, Guard(budgets=[Budget("global", "0.10", "day")]) as guard:

        @guarded(guard, "key:batch", "0.02", actual=lambda answer: "0.013" if answer else None)
        def ask(question: str) -> bytes:
            with urllib.request.urlopen(f"{vendor.url}/{question}") as answer:
                content: bytes = answer.read()
            return content

        ask("why")
        print(f"a decorated function: {guard.spent('global', 'day')} USD spent")

        with guard.reserve("key:batch", "0.05") as lease:
            ask_by_hand = requests.get(vendor.url, timeout=10)
            lease.settle("0.04", bytes_in=len(ask_by_hand.content))
        print(f"a lease by hand: {guard.spent('global', 'day')} USD spent")

        with guard.install(Costing(per_call="0.02")):
            try:
                while True:
                    requests.get(vendor.url, timeout=10)  # does not know the guard
            except CallRefused as refused:
                print(f"refused: {refused}")
        print(f"the vendor got {vendor.asked} requests")


if __name__ == "__main__":
    main()
