"""httpx: a client that settles a stream by the usage at its end.

Run it: `python examples/guard/with_httpx.py`. It talks to a simulated vendor on loopback. The same
client guards an SDK: `openai.OpenAI(http_client=guarded_client(guard))`.
"""

from pretend_vendor import QUESTION, PretendVendor

from costmon.guard import Budget, Guard
from costmon.guard.httpx import guarded_client


def main() -> None:
    """Read a stream; its worst case is held while it is open."""
    with (
        PretendVendor() as vendor,
        Guard(budgets=[Budget("global", "1", "day")]) as guard,
        guarded_client(guard) as client,
    ):
        with client.stream("POST", vendor.chat, json={**QUESTION, "stream": True}) as answer:
            print(f"{guard.held('global', 'day')} USD held while it streams")
            lines = [line for line in answer.iter_lines() if line.startswith("data: {")]
        print(f"{len(lines)} events received")
        spent, held = guard.spent("global", "day"), guard.held("global", "day")
        print(f"afterwards {spent} USD spent and {held} held")


if __name__ == "__main__":
    main()
