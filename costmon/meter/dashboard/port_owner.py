"""Find out who listens on the dashboard's port."""

import http.client
import json
from collections.abc import Mapping
from typing import Any, Literal

from costmon.meter.dashboard.handler import IDENTITY
from costmon.meter.dashboard.listener import HOST

PortOwner = Literal["same", "stranger", "silent", "nobody"]
"""`same`: a dashboard of the same service. `stranger`: another program. `silent`: it accepted the
connection but did not respond. `nobody`: nothing listens."""

_LONGEST = 4_096


def port_owner(port: int, identity: Mapping[str, Any], patience_s: float) -> PortOwner:
    """Return who listens on a port of this machine.

    Args:
        port: The port.
        identity: Identity of this dashboard; only the process may differ.
        patience_s: Timeout of each step.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=patience_s)
    try:
        connection.request("GET", IDENTITY)
        found = json.loads(connection.getresponse().read(_LONGEST))
    except ConnectionRefusedError:
        return "nobody"
    except OSError:
        return "silent"  # includes `RemoteDisconnected`, from a program that just ended
    except (ValueError, http.client.HTTPException, RecursionError):
        return "stranger"
    finally:
        connection.close()
    if not isinstance(found, dict):
        return "stranger"
    same = all(found.get(name) == value for name, value in identity.items() if name != "pid")
    return "same" if same else "stranger"
