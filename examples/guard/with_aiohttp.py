"""aiohttp: a session with the guard as middleware; calls wait for budget instead of failing.

Run it: `python examples/guard/with_aiohttp.py`. It talks to a simulated vendor on loopback.
"""

import asyncio

from pretend_vendor import QUESTION, PretendVendor

from costmon.guard import Budget, Costing, Guard
from costmon.guard.aiohttp import GuardedSession


async def ask_together(guard: Guard, url: str) -> None:
    """Ask three questions: only one worst case fits at a time, but all actual costs fit."""
    async with GuardedSession(guard, Costing(wait=30)) as session:

        async def ask() -> None:
            async with session.post(url, json=QUESTION) as answer:
                await answer.json()
            print(f"answered; {guard.spent('global', 'day')} USD spent")

        await asyncio.gather(ask(), ask(), ask())


def main() -> None:
    """Let tasks wait for budget without blocking the loop."""
    with PretendVendor() as vendor, Guard(budgets=[Budget("global", "0.03", "day")]) as guard:
        asyncio.run(ask_together(guard, vendor.chat))
        print(f"the vendor got {vendor.asked} requests")


if __name__ == "__main__":
    main()
