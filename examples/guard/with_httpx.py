"""httpx: a client whose stream is charged by the usage at its end.

Run it: `python examples/guard/with_httpx.py`. It talks to a simulated vendor on loopback. To
guard an SDK, pass it the same client: `openai.OpenAI(http_client=guarded_client(guard))`.
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
            print(f"while it streams {guard.held('global', 'day')} USD are held")
            lines = [line for line in answer.iter_lines() if line.startswith("data: {")]
        print(f"{len(lines)} events came")
        spent, held = guard.spent("global", "day"), guard.held("global", "day")
        print(f"afterwards {spent} USD are spent and {held} are held")


if __name__ == "__main__":
    main()
