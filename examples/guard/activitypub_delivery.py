"""Federation: deliver activities to other servers, within a budget for each.

Run it: `python examples/guard/activitypub_delivery.py`. The server that it delivers to
is simulated on loopback.
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
    """Deliver an activity; a real server also signs it."""
    request = urllib.request.Request(
        f"{instance_url}/inbox",
        data=activity_json.encode(),
        headers={"content-type": "application/activity+json"},
    )
    with urllib.request.urlopen(request) as answer:
        return int(answer.status)


def main() -> None:
    """Deliver to one server until its budget is spent; a second server is blocked."""
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
        print(f"the server received {server.asked} activities")


if __name__ == "__main__":
    main()
