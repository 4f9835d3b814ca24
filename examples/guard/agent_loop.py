"""An agent that never stops by itself is stopped at exactly $1.00.

Run it: `python examples/guard/agent_loop.py`. The model is simulated on loopback. Four agents in
four threads share one budget; each step costs $0.02, whatever the agents do about errors.
"""

import threading

from pretend_vendor import PretendVendor

from costmon.guard import Budget, BudgetRefused, Costing, Guard
from costmon.guard.requests import GuardedSession


def agent(session: GuardedSession, url: str) -> None:
    """Loop for ever, and retry after every error, as agents do."""
    thought = "What next?"
    while True:
        try:
            answer = session.post(url, json={"thought": thought}, timeout=10)
            thought += str(answer.json())[:1]
        except BudgetRefused:
            return  # the one error that it cannot retry
        except OSError:
            continue


def main() -> None:
    """Run four agents."""
    budget = Budget("tag:run=demo", "1.00", "total")
    with (
        PretendVendor() as model,
        Guard(budgets=[budget]) as guard,
        GuardedSession(guard, Costing(per_call="0.02"), pool_maxsize=4) as session,
    ):

        def loose() -> None:
            with guard.scoped("tag:run=demo"):
                agent(session, f"{model.url}/think")

        agents = [threading.Thread(target=loose) for _ in range(4)]
        for one in agents:
            one.start()
        for one in agents:
            one.join()
        spent = guard.spent("tag:run=demo", "total")
        print(f"stopped at {spent:.2f} USD of 1.00, after {model.asked} calls of 0.02")


if __name__ == "__main__":
    main()
