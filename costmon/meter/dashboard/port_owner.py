"""Who listens on the port that was wanted."""

import http.client
import json
from collections.abc import Mapping
from typing import Any, Literal

from costmon.meter.dashboard.handler import IDENTITY
from costmon.meter.dashboard.listener import HOST

PortOwner = Literal["same", "stranger", "silent", "nobody"]
"""`same`: a dashboard of our own service. `silent`: it took the connection, and said nothing."""

_LONGEST = 4_096


def port_owner(port: int, identity: Mapping[str, Any], patience_s: float) -> PortOwner:
    """Ask the program at `port` of this machine whether it serves for us already.

    Args:
        port: Where it listens.
        identity: What ours would say; the process may be another one.
        patience_s: For each step of asking.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=patience_s)
    try:
        connection.request("GET", IDENTITY)
        told = json.loads(connection.getresponse().read(_LONGEST))
    except ConnectionRefusedError:
        return "nobody"
    except OSError:
        return "silent"  # also one that ends while it is asked: `RemoteDisconnected` is one
    except (ValueError, http.client.HTTPException, RecursionError):
        return "stranger"
    finally:
        connection.close()
    if not isinstance(told, dict):
        return "stranger"
    same = all(told.get(name) == value for name, value in identity.items() if name != "pid")
    return "same" if same else "stranger"
