"""Federation: deliver an activity to other servers, within the budget of each.

Run it: `python examples/guard/activitypub_delivery.py`. The receiving server is simulated, on
loopback.
"""

import json
import urllib.request

from pretend_vendor import PretendVendor

from costmon.guard import Budget, CallRefused, Guard

NOTE = json.dumps(
    {
        "@context": "https://www.w3.org/ns/activitystreams",
        "type": "Create",
        "actor": "https://here.example/users/alice",
        "object": {"type": "Note", "content": "Hello, world"},
    }
)


def post(instance_url: str, activity_json: str) -> int:
    """Deliver an activity, as a server does (a real one also signs the request)."""
    request = urllib.request.Request(
        f"{instance_url}/inbox",
        data=activity_json.encode(),
        headers={"content-type": "application/activity+json"},
    )
    with urllib.request.urlopen(request) as answer:
        return int(answer.status)


def main() -> None:
    """Deliver to one server until its budget is spent; another server is blocked."""
    budgets = [Budget("global", "1000", "month"), Budget("host:*", "0.000004", "month")]
    with PretendVendor() as server, Guard(budgets=budgets) as guard:
        guard.configure("host:spam.example", tier="blocked")
        deliver = guard.deliver(post)
        try:
            while True:
                print(
                    f"delivered: {deliver(server.url, NOTE)};"
                    f" {guard.remaining('host:127.0.0.1')} USD remain"
                )
        except CallRefused as refused:
            print(f"refused: {refused}")
        try:
            deliver("https://spam.example", NOTE)
        except CallRefused as refused:
            print(f"refused: {refused}")
        print(f"the server was delivered {server.asked} activities")


if __name__ == "__main__":
    main()
