"""httpx with asyncio: twenty tasks, of which the budget allows five.

Run it: `python examples/guard/with_httpx_async.py`. It talks to a simulated vendor on loopback.
"""

import asyncio

import httpx
from pretend_vendor import PretendVendor

from costmon.guard import Budget, BudgetRefused, Costing, Guard
from costmon.guard.httpx import guarded_async_client


async def ask_together(guard: Guard, url: str) -> int:
    """Make twenty calls at once; return how many were allowed."""
    async with guarded_async_client(guard, costing=Costing(per_call="0.02")) as client:
        calls = [client.get(url) for _ in range(20)]
        results = await asyncio.gather(*calls, return_exceptions=True)
    refused = [result for result in results if isinstance(result, BudgetRefused)]
    print(f"first refusal: {refused[0]}")
    return sum(isinstance(result, httpx.Response) for result in results)


def main() -> None:
    """Make more calls than the budget allows."""
    with PretendVendor() as vendor, Guard(budgets=[Budget("global", "0.10", "hour")]) as guard:
        passed = asyncio.run(ask_together(guard, vendor.url))
        print(f"{passed} of 20 calls were allowed, and the vendor got {vendor.asked} requests")


if __name__ == "__main__":
    main()
